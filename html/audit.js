/* Who changed what, the latest first. */

import { h } from "./dom.js";
import { dayTime } from "./format.js";
import { pages } from "./pages.js";

/* of the object, not of what somebody did to it */
const SKIPPED = new Set(["version", "createdAt", "updatedAt"]);


function text(value) {
    return value === undefined || value === null ? "nothing"
        : typeof value === "string" ? value : JSON.stringify(value);
}


/* [[name, before, after]] of what differs. */
function differences(before, after) {
    const names = new Set([...Object.keys(before || {}),
        ...Object.keys(after || {})]);

    return [...names].filter((name) => !SKIPPED.has(name)
        && JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]))
        .map((name) => [name, before?.[name], after?.[name]]);
}


/* Where the page of an object is, of the kinds that have one. */
const PAGES = { movie: "movies", theatre: "theatres", screen: "screens",
    layout: "layouts", show: "shows", person: "people" };

/* what nothing is left of that could be looked at */
const GONE = new Set(["remove", "erase"]);


/* What it is called, with a link to it as long as it is there. */
function what(each) {
    const object = { ...each.before, ...each.after };
    const name = object.title || object.name || object.movieTitle
        || `${each.kind} ${each.objectId.slice(0, 8)}`;

    return PAGES[each.kind] && !GONE.has(each.action)
        ? h("a", { href: `#/${PAGES[each.kind]}/${each.objectId}` }, name)
        : h("strong", {}, name);
}


function entry(each) {
    const changes = differences(each.before, each.after);

    return h("li", {},
        h("span", {}, what(each), ` · ${each.action} · ${each.kind}`
            + (each.version ? ` · version ${each.version}` : "") + " · by ",
            h("strong", {}, each.who)),
        h("span", { class: "muted" },
            h("time", { dateTime: each.at }, dayTime(each.at))),
        changes.length > 0 && h("details", {},
            h("summary", {}, `What changed (${changes.length}): `
                + changes.map(([name]) => name).join(", ")),
            h("dl", { class: "changes" }, changes.map(([name, a, b]) => (
                h("div", {}, h("dt", {}, name),
                    h("dd", {}, h("del", {}, text(a)), " → ",
                        h("ins", {}, text(b)))))))));
}


export async function auditView({ objectId, who, kind }) {
    const changes = await pages("/admin/audit", { objectId, who, kind }, entry,
        { none: "Nothing was changed.", older: "Older changes",
            look: "audit" });

    return {
        title: "Audit",
        el: h("div", {},
            h("h1", {}, "Who changed what"),
            (objectId || who || kind) && h("p", {},
                h("a", { href: "#/audit" }, "All changes")),
            changes),
    };
}
