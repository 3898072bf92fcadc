/* Keys by which services ask: who has which, a new one, the end of one. */

import { write } from "./api.js";
import { buttonLink, h } from "./dom.js";
import { ask } from "./dialog.js";
import { moment } from "./format.js";
import { pages } from "./pages.js";
import { ROLES } from "./roles.js";
import { actButton, settle } from "./settled.js";


function isOver(key) {
    return Boolean(key.expiresAt) && Date.parse(key.expiresAt) <= Date.now();
}


function state(key) {
    return key.revokedAt ? `revoked ${moment(key.revokedAt)}`
        : !key.expiresAt ? "has no end"
            : `${isOver(key) ? "ended" : "ends"} ${moment(key.expiresAt)}`;
}


async function revoke(key, item, during) {
    if (!await ask(`Revoke ${key.name}?`, "Whoever asks with this key is "
        + "refused from now on. This cannot be undone: a service that should "
        + "go on needs another key.", "Revoke it"))
    {
        return;
    }

    await during(() => write("DELETE", `/admin/api-keys/${key.keyId}`));

    /* the moment is the server's; this is near enough until it is read */
    settle(item, line({ ...key, revokedAt: new Date().toISOString() }),
        `${key.name} is revoked.`);
}


function line(key) {
    const item = h("li", { class: key.revokedAt || isOver(key) ? "over"
        : null },
    h("span", {}, h("strong", {}, key.name), ` · ${ROLES[key.role]} · `,
        state(key)),
    h("span", { class: "muted" }, key.scopes.join(", ")),
    h("span", { class: "muted" }, `Made ${moment(key.createdAt)} by `
        + key.createdBy),
    !key.revokedAt && !isOver(key) && h("div", { class: "row-actions" },
        actButton("Revoke", key.name,
            (during) => revoke(key, item, during))));

    return item;
}


export async function keysView() {
    const keys = await pages("/admin/api-keys", {}, line, {
        none: "There are none yet.", older: "More keys", look: "cases" });

    return { title: "API keys", el: h("div", {},
        h("div", { class: "list-head" }, h("h1", {}, "API keys"),
            buttonLink("#/keys/new", "New key")),
        keys) };
}
