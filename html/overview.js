/*
 * A big venue from above: a picture of all seats, and a list of its sections
 * that says the same in words.  The picture is for pointers; everything it
 * offers is in the list too, so that it is hidden from screen readers.
 */

import { h } from "./dom.js";
import { count, priceRange, title } from "./format.js";
import { Plan } from "./plan.js";
import { partSummary } from "./seatmap.js";


/* link(part): the address that shows the part */
export class Overview {
    constructor(map, link) {
        this.map = map;
        this.link = link;
        this.cards = new Map();
        this.partOf = new Map();

        for (const part of map.parts) {
            for (const seat of part.seats) {
                this.partOf.set(seat.seatId, part);
            }
        }

        this.plan = map.plan && new Plan(map, {
            lit: (seat) => seat.status === "AVAILABLE",
            at: (x, y) => this.open(x, y),
        });
        this.el = this.build();
    }

    destroy() {
        this.plan && this.plan.destroy();
    }

    build() {
        this.filter = h("input", { type: "search", id: "find-section",
            autocomplete: "off", oninput: () => this.sift() });
        this.category = h("select", { id: "find-category",
            onchange: () => this.sift() },
        h("option", { value: "" }, "Any"),
        this.map.categories.map(({ name }) => (
            h("option", { value: name }, title(name)))));
        this.none = h("p", { class: "muted", hidden: true, role: "status" },
            "No section fits.");
        this.list = h("ul", { class: "sections" },
            this.map.parts.map((part) => this.card(part)));

        return h("div", { class: "overview" },
            this.plan && this.plan.el,
            h("div", { class: "finder" },
                h("label", { for: "find-section" }, "Section"), this.filter,
                h("label", { for: "find-category" }, "Category"),
                this.category),
            this.none, this.list);
    }

    card(part) {
        const free = h("span", { class: "free" });
        const bar = h("span", { class: "fill" });
        const li = h("li", {},
            h("a", { href: this.link(part) },
                h("strong", {}, part.name || "Hall"), free,
                h("span", { class: "meter", "aria-hidden": "true" }, bar)));

        this.cards.set(part, { li, free, bar,
            categories: new Set(part.seats.map((seat) => seat.category)) });
        this.count(part);

        return li;
    }

    count(part) {
        const { free, bar } = this.cards.get(part);
        const { available, total, min, max } = partSummary(part);

        free.textContent = available === 0 ? "Sold out"
            : `${count(available, "seat")} free, `
                + priceRange(min, max, this.map.currency);
        bar.style.width = `${(100 * available) / total}%`;
    }

    sift() {
        const text = this.filter.value.trim().toLowerCase();
        const category = this.category.value;
        let shown = 0;

        for (const [part, { li, categories }] of this.cards) {
            const fits = part.name.toLowerCase().includes(text)
                && (!category || categories.has(category));

            li.hidden = !fits;
            shown += fits ? 1 : 0;
        }

        this.none.hidden = shown > 0;
    }

    draw() {
        this.plan && this.plan.draw();
    }

    /* Seats whose state changed. */
    update(seats) {
        for (const part of new Set(seats.map((seat) => (
            this.partOf.get(seat.seatId))))) {
            this.count(part);
        }

        this.plan && this.plan.draw(seats);
    }

    /* x, y: a place on the grid */
    open(x, y) {
        const part = this.map.parts.find((p) => (
            x >= p.x0 && x < p.x1 + 1 && y >= p.y0 && y < p.y1 + 1));

        if (part) {
            window.location.hash = this.link(part);
        }
    }
}
