/* The time left to a deadline of the server. */

import { announce, h } from "./dom.js";
import { serverNow } from "./clock.js";
import { minutes } from "./format.js";

/* Spoken once each; the running digits would drown everything else. */
const SPOKEN_S = [120, 60, 30, 10];


/*
 * expiresAt, createdAt: RFC 3339 times of the server.  onEnd() is called
 * once, when the time is over.  Returns {el, stop}.
 */
export function countdown({ createdAt, expiresAt, what, onEnd }) {
    const end = Date.parse(expiresAt);
    const whole = Math.max(1, end - Date.parse(createdAt));
    const digits = h("span", { class: "digits" });
    const bar = h("span", { class: "fill" });
    const el = h("div", { class: "countdown", role: "timer",
        "aria-live": "off", "aria-label": what },
    h("span", { class: "what" }, what), digits,
    h("span", { class: "meter", "aria-hidden": "true" }, bar));
    let timer = 0;
    let spoken = null;

    const tick = () => {
        const left = end - serverNow();
        const due = SPOKEN_S.filter((s) => left <= s * 1000).at(-1);

        digits.textContent = minutes(left);
        bar.style.width = `${Math.min(100, Math.max(0, left / whole * 100))}%`;
        el.classList.toggle("short", left < 60000);

        if (left <= 0) {
            onEnd();
            return;
        }

        /* at the start "60 seconds left" of 60 would be no news */
        if (spoken !== null && due !== undefined && due !== spoken) {
            announce(`${due} seconds left for your seats.`);
        }

        spoken = due ?? 0;

        /* just after the next full second, so that no second is skipped */
        timer = window.setTimeout(tick, (left % 1000) + 15);
    };

    tick();

    return { el, stop: () => window.clearTimeout(timer) };
}
