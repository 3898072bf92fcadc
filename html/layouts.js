/* Halls: drawing one, seeing it meanwhile; one that is there. */

import { question, read, write } from "./api.js";
import { announce, busy, buttonLink, h, toast } from "./dom.js";
import { drawingOf, hallOf } from "./drawing.js";
import { makeField } from "./fields.js";
import { count, title } from "./format.js";
import { KindEditor, KindHall } from "./kindhall.js";
import { SeatMap } from "./seatmap.js";
import { explain } from "./words.js";

/* larger halls are not changed seat by seat; nor does the API change them */
const DRAWN = 10000;

/* so long nobody types on: look at what it makes */
const PAUSE_MS = 300;

const EXAMPLE = `# the screen is here; a line is a row
A  SILVER  4o_8o_4o
B  SILVER  4o_8o_4o

C  GOLD    4o_8o_4o
D  GOLD    2a2o_8o_2o2a
`;

const NOTATION = [
    ["A  SILVER  4o_8o_4o", "a row: its name, its category, its places"],
    ["o a x h _", "a seat, one for wheelchairs, a broken one, one of the "
        + "house, a gap; a number repeats what follows"],
    ["C  GOLD:1-8,SILVER:9-16  16o", "categories by the numbers of the seats"],
    ["section BALCONY prefix BAL", "rows below are in it, their seats are "
        + "BAL-A1 and so on with the prefix BAL-"],
    ["section LEFT at 3 4", "the same, with its place on the grid"],
    ["", "an empty line is an aisle"],
    ["# …", "what follows is a comment"],
];

const KINDS = { NORMAL: "", ACCESSIBLE: "for wheelchairs", BROKEN: "broken",
    HOUSE: "of the house" };


/* "120 seats: Silver 40, Gold 80; 4 for wheelchairs, 1 broken" */
function summary(hall, map) {
    const kinds = Object.entries(KINDS)
        .filter(([, text]) => text)
        .map(([kind, text]) => [map.seats.filter((seat) => (
            seat.kind === kind)).length, text])
        .filter(([n]) => n > 0).map(([n, text]) => `${n} ${text}`);

    return `${count(hall.seats, "seat")}: `
        + hall.categories.map(({ name, seats }) => (
            `${title(name)} ${seats}`)).join(", ")
        + (kinds.length > 0 ? `; ${kinds.join(", ")}` : "");
}


class DrawPage {
    /* layout: the one that is changed, or null; text: of its drawing */
    constructor(layout, text) {
        this.layout = layout;
        this.asked = 0;
        this.name = makeField({ name: "name", label: "Name", required: true,
            max: 255 });
        this.name.set(layout?.name);
        this.text = h("textarea", { id: "drawing", class: "code",
            name: "drawing", rows: 14, spellcheck: false, value: text,
            wrap: "off", autocomplete: "off", oninput: () => this.soon() });
        this.text.setAttribute("aria-describedby", "notation mistakes");
        this.mistakes = h("ol", { class: "mistakes", id: "mistakes" });
        this.problem = h("div", { class: "notice error", hidden: true,
            tabIndex: -1 });
        this.status = h("p", { class: "muted", role: "status" });
        this.picture = h("div", {});
        this.save = h("button", { class: "button primary", type: "submit" },
            layout ? "Save" : "Make the layout");
        this.el = this.build();
    }

    build() {
        const { layout } = this;
        const back = layout ? `#/layouts/${layout.layoutId}` : "#/layouts";

        return h("div", { class: "object draw" },
            h("a", { class: "back", href: back },
                layout ? layout.name : "All layouts"),
            h("h1", {}, layout ? `Draw ${layout.name}` : "New layout"),
            h("form", { class: "form", noValidate: true,
                onsubmit: (event) => this.send(event) },
            this.name.el, this.problem,
            h("div", { class: "field" },
                h("label", { for: "drawing" }, "Drawing"), this.text),
            h("details", { id: "notation" },
                h("summary", {}, "How a hall is drawn"),
                h("dl", { class: "notation" }, NOTATION.map(([sign, text]) => (
                    h("div", {}, h("dt", {}, h("code", {}, sign || "\u00a0")),
                        h("dd", {}, text)))))),
            this.status, this.mistakes,
            h("div", { class: "actions row-actions" }, this.save)),
            h("section", { "aria-labelledby": "as-drawn" },
                h("h2", { id: "as-drawn" }, "As it is drawn"),
                this.picture));
    }

    destroy() {
        this.asked++;
        this.abort?.abort();
        window.clearTimeout(this.typing);
        this.hall?.destroy();
    }

    soon() {
        window.clearTimeout(this.typing);
        this.typing = window.setTimeout(() => this.look(), PAUSE_MS);
    }

    /* What the server makes of it; only the last answer counts. */
    async look() {
        const asked = ++this.asked;
        const drawing = this.text.value;

        this.abort?.abort();
        this.abort = new AbortController();

        try {
            const hall = await question("/admin/layouts/preview",
                { drawing }, { signal: this.abort.signal });

            if (asked === this.asked) {
                this.show(hall);
            }

        } catch (error) {
            if (asked === this.asked) {
                this.wrong(error);
            }
        }
    }

    show(hall) {
        const map = new SeatMap(hall, {});

        this.mistakes.replaceChildren();
        this.hall?.destroy();
        this.hall = new KindHall(map);
        this.picture.replaceChildren(this.hall.el);
        this.say(summary(hall, map));
    }

    say(text) {
        this.status.textContent = text;
    }

    /* The picture stays as it was: of the last that made sense. */
    wrong(error) {
        const mistakes = error.details?.mistakes;

        if (!mistakes) {
            this.say(explain(error));
            return;
        }

        this.say(count(mistakes.length, "mistake"));
        this.mistakes.replaceChildren(...mistakes.map((each) => h("li", {},
            this.pointer(each), ` ${each.problem}`)));
    }

    /* "line 4", which leads there */
    pointer({ field }) {
        const line = /^line (\d+)$/.exec(field);

        return line ? h("button", { class: "to-line", type: "button",
            onclick: () => this.lead(Number(line[1])) }, field)
            : h("strong", {}, field);
    }

    lead(line) {
        const lines = this.text.value.split("\n");
        const from = lines.slice(0, line - 1).join("\n").length
            + (line > 1 ? 1 : 0);

        this.text.focus();
        this.text.setSelectionRange(from,
            from + (lines[line - 1] || "").length);
    }

    async send(event) {
        event.preventDefault();

        if (!this.name.test()) {
            this.name.focus();
            return;
        }

        this.problem.hidden = true;
        await busy(this.save, "One moment…", async () => {
            try {
                await this.keep();

            } catch (error) {
                this.failed(error);
            }
        });
    }

    async keep() {
        const body = { name: this.name.value(), drawing: this.text.value };
        const { layout } = this;

        const now = layout
            ? await write("PUT", `/admin/layouts/${layout.layoutId}`, body,
                layout.version)
            : await write("POST", "/admin/layouts", body);

        toast(layout ? `Saved: version ${now.version}.`
            : `${now.name} is made.`);
        window.location.replace(`#/layouts/${now.layoutId}`);
    }

    failed(error) {
        if (error.details?.mistakes) {
            this.wrong(error);
            this.mistakes.querySelector("button, strong")?.focus();
            announce(this.status.textContent, true);
            return;
        }

        if (error.details?.field === "name") {
            this.name.wrong(explain(error));
            this.name.focus();
            return;
        }

        this.problem.replaceChildren(h("p", {}, explain(error)));
        this.problem.hidden = false;
        this.problem.focus();
    }
}


/* A new one, or, with an id, another drawing of one that no show has. */
export async function drawView({ id }) {
    let layout = null;
    let text = EXAMPLE;

    if (id) {
        const path = `/admin/layouts/${encodeURIComponent(id)}`;
        const [one, seats] = await Promise.all([read(path),
            read(`${path}/seats`)]);

        layout = one.data;
        text = drawingOf(seats.data.rows) ?? "";
    }

    const page = new DrawPage(layout, text);

    await page.look();

    return { title: layout ? `Draw ${layout.name}` : "New layout",
        el: page.el, destroy: () => page.destroy() };
}


/* --- one that is there ------------------------------------------------ */


async function copy(layout, button) {
    await busy(button, "One moment…", async () => {
        try {
            const made = await write("POST", "/admin/layouts", {
                name: `${layout.name} (copy ${Date.now().toString(36)})`,
                copyOf: layout.layoutId });

            toast("This is the copy. Give it a name.");
            window.location.hash = `#/layouts/${made.layoutId}`;

        } catch (error) {
            toast(explain(error), { kind: "error" });
        }
    });
}


function copyButton(layout) {
    const button = h("button", { class: "button quiet", type: "button",
        onclick: () => copy(layout, button) }, "Copy it");

    return button;
}


/* The seats, to look at or to change; nothing of a hall that is too large. */
async function drawn(layout, used, form) {
    const path = `/admin/layouts/${layout.layoutId}`;

    if (layout.total > DRAWN) {
        return h("p", { class: "muted" }, "It is too large to be drawn here: "
            + "a hall of this size is drawn anew as a whole.");
    }

    const { data } = await read(`${path}/seats`);
    const map = new SeatMap(hallOf(data.rows), {});
    const hall = used ? new KindHall(map) : new KindEditor(map, { path,
        version: () => form.object.version,
        saved: (now) => form.took(now),
        failed: (error) => form.failed(error) });

    form.parts.push(hall);

    return hall.el;
}


/*
 * Its picture, and its seats: those can be changed as long as no show has it.
 * form: of its name; see form.js.
 */
export async function layoutSeats(layout, form) {
    const used = layout.shows > 0;

    return h("section", { "aria-labelledby": "seats-of" },
        h("h2", { id: "seats-of" }, "Seats"),
        h("p", {}, `${count(layout.seats, "seat")} for sale of `
            + `${layout.total.toLocaleString()}: `
            + layout.categories.map(({ category, seats }) => (
                `${title(category)} ${seats.toLocaleString()}`)).join(", ")),
        used && h("p", { class: "notice" }, `${count(layout.shows, "show")} `
            + `${layout.shows === 1 ? "has" : "have"} this layout, so its `
            + "seats stay. Copy it, change the copy, and give that to the "
            + "screen. A seat of one show is broken on the page of the "
            + "show."),
        h("div", { class: "actions row-actions" }, copyButton(layout),
            !used && layout.total <= DRAWN && buttonLink(
                `#/layouts/${layout.layoutId}/draw`, "Draw it anew",
                "quiet")),
        await drawn(layout, used, form));
}
