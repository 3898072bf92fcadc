/*
 * A hall by the kinds of its seats: broken, of the house, for wheelchairs.  To
 * look at, or to change them: by pointer, touch or keyboard.
 */

import { write } from "./api.js";
import { announce, busy, h, toast } from "./dom.js";
import { count, naturalOrder, title } from "./format.js";
import { Hall } from "./hall.js";
import { Plan } from "./plan.js";
import { seatName } from "./seatmap.js";

/* name, as the API has it; mark: as in a drawing */
const KINDS = {
    NORMAL: { list: "normal", text: "Ordinary", words: "" },
    ACCESSIBLE: { list: "accessible", text: "Wheelchair", words: "" },
    BROKEN: { list: "broken", text: "Broken", words: "broken" },
    HOUSE: { list: "house", text: "House", words: "kept by the house" },
};

const states = { BOOKED: "sold", HELD: "held by somebody" };


function looks(seat, chosen) {
    const closed = seat.kind === "BROKEN" || seat.kind === "HOUSE";
    const taken = states[seat.status] && !closed;

    return {
        chosen,
        open: true,
        state: (taken ? seat.status.toLowerCase()
            : closed ? `closed ${seat.kind.toLowerCase()}` : "available")
            + (chosen ? " changed" : ""),
        words: [KINDS[seat.kind].words, taken && states[seat.status],
            chosen && "changed"].filter(Boolean).join(", "),
    };
}


function legend(map, sold) {
    const entry = (kind, text) => h("li", {},
        h("span", { class: `swatch seat ${kind}`, "aria-hidden": "true" }),
        text);

    return h("ul", { class: "legend", "aria-label": "Legend" },
        map.categories.map(({ name, index }) => entry(
            `available cat-${index % 6}`, title(name))),
        entry("available accessible cat-0", "Wheelchair"),
        entry("closed broken", "Broken"), entry("closed house", "House"),
        sold && entry("booked", "Sold"));
}


/*
 * Draws a SeatMap.  chosen(id): is it marked?  pick(seat), when it can be.  A
 * big hall is shown part by part, with a picture of all above.
 */
export class KindHall {
    constructor(map, { chosen = () => false, pick, sold = false } = {}) {
        Object.assign(this, { map, chosen, pick });
        this.place = h("div", {});
        this.look = h("p", { class: "look", "aria-hidden": "true" }, "\u00a0");
        this.plan = map.big && map.plan && new Plan(map, {
            lit: ({ kind }) => kind === "NORMAL" || kind === "ACCESSIBLE" });
        this.parts = map.big && h("select", { id: "part",
            onchange: () => this.draw() }, map.parts.map((part) => (
            h("option", { value: part.key }, part.name))));
        this.el = h("div", { class: "kinds map" }, legend(map, sold),
            this.plan && this.plan.el,
            this.parts && h("p", { class: "part" },
                h("label", { for: "part" }, "Part of the hall"), this.parts),
            this.place, this.look,
            h("p", { id: "grid-help", class: "muted help" },
                pick ? "Arrow keys move between seats, space changes one."
                    : "Arrow keys move between seats."));
        this.draw();
    }

    destroy() {
        this.halls.forEach((hall) => hall.destroy());
        this.plan && this.plan.destroy();
    }

    draw() {
        const parts = this.parts ? [this.map.part(this.parts.value)]
            : this.map.parts;

        this.halls?.forEach((hall) => hall.destroy());
        this.halls = parts.map((part, i) => new Hall(this.map, part, {
            seen: (seat) => looks(seat, this.chosen(seat.seatId)),
            pick: this.pick,
            look: (text) => {
                this.look.textContent = text;
            },
            front: i === 0 && !this.parts ? "Screen" : "",
        }));
        this.place.replaceChildren(...this.halls.map(({ el }) => el));
    }

    paint(seat) {
        this.halls.forEach((hall) => hall.paint(seat));
    }
}


/*
 * The same with a brush: what is painted is sent as one change.
 *
 * path: of the object whose seats these are; version(): what it was read as;
 * saved(object): it is changed now; failed(error): it is not.
 */
export class KindEditor {
    constructor(map, { path, version, saved, failed, sold }) {
        Object.assign(this, { map, path, version, saved, failed });
        this.before = new Map();
        this.brush = h("fieldset", { class: "brush" },
            h("legend", {}, "Make a seat"),
            h("div", { class: "choices" },
                ["BROKEN", "HOUSE", "ACCESSIBLE", "NORMAL"].map((kind, i) => (
                    h("label", { class: "choice" },
                        h("input", { type: "radio", name: "brush",
                            value: kind, checked: i === 0 }),
                        KINDS[kind].text)))));
        this.list = h("p", { class: "changed-seats" });
        this.save = h("button", { class: "button primary", type: "button",
            onclick: () => this.send() }, "Save the seats");
        this.undo = h("button", { class: "button quiet", type: "button",
            onclick: () => this.reset() }, "Undo");
        this.hall = new KindHall(map, { sold,
            chosen: (id) => this.before.has(id),
            pick: (seat) => this.pick(seat) });
        this.el = h("div", { class: "kind-editor" }, this.brush, this.hall.el,
            h("div", { class: "kind-bar" }, this.list,
                h("div", { class: "row-actions" }, this.save, this.undo)));
        this.tell();
    }

    destroy() {
        this.hall.destroy();
    }

    /* With the brush; once more is back to what it was, or ordinary. */
    pick(seat) {
        const kind = this.brush.querySelector("input:checked").value;
        const before = this.before.get(seat.seatId) ?? seat.kind;

        /* what is on its way stays what it was sent as */
        if (this.sending) {
            announce("One moment…");
            return;
        }

        if (seat.status === "BOOKED" && kind !== "ACCESSIBLE"
            && kind !== "NORMAL")
        {
            toast(`${seatName(seat)} is sold, and stays.`, { ms: 4000 });
            return;
        }

        seat.kind = seat.kind !== kind ? kind
            : before !== kind ? before : "NORMAL";
        this.before.delete(seat.seatId);

        if (seat.kind !== before) {
            this.before.set(seat.seatId, before);
        }

        this.hall.paint(seat);
        this.tell();
        announce(`${seatName(seat)}: `
            + `${KINDS[seat.kind].text.toLowerCase()}. `
            + `${count(this.before.size, "change")}.`);
    }

    /* seatIds by what they are to be, for people and for the API */
    changes() {
        const lists = {};

        for (const id of [...this.before.keys()].sort(naturalOrder)) {
            (lists[this.map.byId.get(id).kind] ??= []).push(id);
        }

        return lists;
    }

    tell() {
        const n = this.before.size;

        this.list.textContent = n === 0 ? "Nothing is changed."
            : Object.entries(this.changes()).map(([kind, ids]) => (
                `${KINDS[kind].text}: ${ids.join(", ")}`)).join(" · ");
        this.undo.hidden = n === 0;
        this.save.hidden = n === 0;
    }

    reset() {
        if (this.sending) {
            return;
        }

        for (const [id, kind] of this.before) {
            this.map.byId.get(id).kind = kind;
        }

        this.done("Nothing is changed.");
    }

    /* The buttons are gone: the focus goes on in the hall. */
    done(text) {
        const ids = [...this.before.keys()];

        this.before.clear();
        ids.forEach((id) => this.hall.paint(this.map.byId.get(id)));
        this.tell();
        this.hall.halls[0].active.focus();
        announce(text);
    }

    async send() {
        await busy(this.save, "One moment…", async () => {
            this.sending = true;

            try {
                const now = await write("PUT", `${this.path}/seats`,
                    Object.fromEntries(Object.entries(this.changes())
                        .map(([kind, ids]) => [KINDS[kind].list, ids])),
                    this.version());

                toast(`${count(this.before.size, "seat")} changed.`);
                this.done("");
                this.saved(now);

            } catch (error) {
                this.failed(error);

            } finally {
                this.sending = false;
            }
        });
    }
}
