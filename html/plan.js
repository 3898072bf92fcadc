/*
 * A picture of all seats of a hall, each a dot in the colour of its category.
 * It is for the eye alone: what it tells is told in words beside it.
 */

import { h } from "./dom.js";


/*
 * lit(seat): whether it has its colour, or is grey.  at(x, y), when it is
 * given, is told the place on the grid that was clicked.
 */
export class Plan {
    constructor(map, { lit, at }) {
        const { parts } = map;

        Object.assign(this, { map, lit });
        this.x0 = Math.min(...parts.map((p) => p.x0));
        this.y0 = Math.min(...parts.map((p) => p.y0));
        this.w = Math.max(...parts.map((p) => p.x1)) - this.x0 + 1;
        this.h = Math.max(...parts.map((p) => p.y1)) - this.y0 + 1;
        this.el = h("canvas", { class: at ? "plan to" : "plan",
            "aria-hidden": "true",
            onclick: at && ((event) => this.clicked(event, at)) });
        this.el.style.setProperty("--ratio", this.w / this.h);

        this.scheme = window.matchMedia("(prefers-color-scheme: dark)");
        this.redraw = () => this.draw();
        this.scheme.addEventListener("change", this.redraw);
        this.resizes = new ResizeObserver(this.redraw);
        this.resizes.observe(this.el);
    }

    destroy() {
        this.resizes.disconnect();
        this.scheme.removeEventListener("change", this.redraw);
    }

    colours() {
        const style = getComputedStyle(this.el);
        const cats = [0, 1, 2, 3, 4, 5].map((i) => (
            style.getPropertyValue(`--cat-${i}`).trim()));

        return { cats, taken: style.getPropertyValue("--taken").trim() };
    }

    /* All of them, or those that have changed. */
    draw(seats = this.map.seats) {
        const scale = this.el.clientWidth * window.devicePixelRatio / this.w;

        if (!(scale > 0)) {
            return;
        }

        if (seats === this.map.seats) {
            this.el.width = Math.round(this.w * scale);
            this.el.height = Math.round(this.h * scale);
        }

        const paint = this.el.getContext("2d");
        const { cats, taken } = this.colours();
        const size = Math.max(1, scale * 0.8);

        for (const seat of seats) {
            const x = (seat.x - this.x0) * scale;
            const y = (seat.y - this.y0) * scale;

            paint.clearRect(x, y, size, size);
            paint.fillStyle = this.lit(seat)
                ? cats[this.map.categoryIndex.get(seat.category) % 6] : taken;
            paint.fillRect(x, y, size, size);
        }
    }

    clicked(event, at) {
        const box = this.el.getBoundingClientRect();

        at(this.x0 + ((event.clientX - box.x) / box.width) * this.w,
            this.y0 + ((event.clientY - box.y) / box.height) * this.h);
    }
}
