/* Events that a sink did not take: try one again, or forget it. */

import { write } from "./api.js";
import { h } from "./dom.js";
import { ask } from "./dialog.js";
import { factList } from "./facts.js";
import { count, moment } from "./format.js";
import { pages } from "./pages.js";
import { actButton, settle } from "./settled.js";

const AGAIN = "It is tried again from the start.";
const FORGOTTEN = "It is forgotten.";
const ELSEWHERE = "Somebody has decided about it already.";


/* Resolves to what became of it. */
async function decide(letter, verb, became) {
    try {
        await write("POST", `/admin/dead-letters/${letter.deadLetterId}/`
            + verb, {});

        return became;

    } catch (error) {
        /* of ours: without a code it would be the path that is not there */
        if (error.status === 404 && error.code) {
            return ELSEWHERE;
        }

        throw error;
    }
}


/* became: when it is a dead letter no more */
function line(letter, became) {
    const name = `${letter.type} to ${letter.sink}`;

    const done = (text) => settle(item, line(letter, text), text);

    const replay = async (during) => {
        done(await during(() => decide(letter, "replay", AGAIN)));
    };

    const drop = async (during) => {
        if (await ask(`Drop ${letter.type}?`, `The sink ${letter.sink} never `
            + "gets this event. This cannot be undone.", "Drop it"))
        {
            done(await during(() => decide(letter, "drop", FORGOTTEN)));
        }
    };

    const item = h("li", {},
        h("span", {}, h("strong", {}, letter.type), " to the sink ",
            h("strong", {}, letter.sink)),
        h("span", {}, `${letter.error || "no reason told"} · `
            + count(letter.attempts, "try", "tries")),
        h("span", { class: "muted" }, `Happened ${moment(letter.createdAt)}, `
            + `given up ${moment(letter.deadAt)}`),
        h("details", {},
            h("summary", {}, "The event"),
            factList([
                ["Event", letter.eventId],
                ["Of", `${letter.aggregateId}, version ${letter.version}`],
            ]),
            h("pre", {},
                JSON.stringify(letter.data, null, 2))),
        became ? h("p", { class: "outcome" }, h("strong", {}, became))
            : h("div", { class: "row-actions" },
                actButton("Try again", name, replay),
                actButton("Drop", name, drop)));

    return item;
}


export async function deadLettersView() {
    const letters = await pages("/admin/dead-letters", {}, line, {
        none: "There are none: what happened has arrived, or is on its way.",
        older: "More dead letters", look: "cases" });

    return { title: "Dead letters", el: h("div", {},
        h("h1", {}, "Dead letters"),
        h("p", { class: "muted" }, "Events that a sink did not take, after all "
            + "tries. Look at the reason first: what is tried again comes "
            + "after what has gone meanwhile."),
        letters) };
}
