/*
 * A big venue from above: a picture of all seats, and a list of its sections
 * that says the same in words.  The picture is for pointers; everything it
 * offers is in the list too, so that it is hidden from screen readers.
 */

import { h } from "./dom.js";
import { count, priceRange, title } from "./format.js";
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

        this.el = this.build();
        this.scheme = window.matchMedia("(prefers-color-scheme: dark)");
        this.redraw = () => this.draw();
        this.scheme.addEventListener("change", this.redraw);
        this.resizes = new ResizeObserver(this.redraw);

        if (this.canvas) {
            this.resizes.observe(this.canvas);
        }
    }

    destroy() {
        this.resizes.disconnect();
        this.scheme.removeEventListener("change", this.redraw);
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
            this.map.plan && this.buildCanvas(),
            h("div", { class: "finder" },
                h("label", { for: "find-section" }, "Section"), this.filter,
                h("label", { for: "find-category" }, "Category"),
                this.category),
            this.none, this.list);
    }

    buildCanvas() {
        const { parts } = this.map;

        this.x0 = Math.min(...parts.map((p) => p.x0));
        this.y0 = Math.min(...parts.map((p) => p.y0));
        this.w = Math.max(...parts.map((p) => p.x1)) - this.x0 + 1;
        this.h = Math.max(...parts.map((p) => p.y1)) - this.y0 + 1;
        this.canvas = h("canvas", { class: "plan", "aria-hidden": "true",
            onclick: (event) => this.open(event) });
        this.canvas.style.setProperty("--ratio", this.w / this.h);

        return this.canvas;
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

    colours() {
        const style = getComputedStyle(this.el);
        const cats = [0, 1, 2, 3, 4, 5].map((i) => (
            style.getPropertyValue(`--cat-${i}`).trim()));

        return { cats, taken: style.getPropertyValue("--taken").trim() };
    }

    draw(seats = this.map.seats) {
        const scale = this.canvas.clientWidth * window.devicePixelRatio
            / this.w;

        if (!(scale > 0)) {
            return;
        }

        if (seats === this.map.seats) {
            this.canvas.width = Math.round(this.w * scale);
            this.canvas.height = Math.round(this.h * scale);
        }

        const paint = this.canvas.getContext("2d");
        const { cats, taken } = this.colours();
        const size = Math.max(1, scale * 0.8);

        for (const seat of seats) {
            const x = (seat.x - this.x0) * scale;
            const y = (seat.y - this.y0) * scale;

            paint.clearRect(x, y, size, size);
            paint.fillStyle = seat.status === "AVAILABLE"
                ? cats[this.map.categoryIndex.get(seat.category) % 6] : taken;
            paint.fillRect(x, y, size, size);
        }
    }

    /* Seats whose state changed. */
    update(seats) {
        for (const part of new Set(seats.map((seat) => (
            this.partOf.get(seat.seatId))))) {
            this.count(part);
        }

        if (this.canvas) {
            this.draw(seats);
        }
    }

    open(event) {
        const box = this.canvas.getBoundingClientRect();
        const x = this.x0 + ((event.clientX - box.x) / box.width) * this.w;
        const y = this.y0 + ((event.clientY - box.y) / box.height) * this.h;

        const part = this.map.parts.find((p) => (
            x >= p.x0 && x < p.x1 + 1 && y >= p.y0 && y < p.y1 + 1));

        if (part) {
            window.location.hash = this.link(part);
        }
    }
}
