/*
 * The seat page of a show: the live hall, the visitor's choice, and the hold.
 *
 * Two sets of seats matter: "picked" is what is marked on the screen, the
 * hold is what the server keeps for the visitor.  They differ while somebody
 * chooses, and are made the same by one request.
 */

import { announce, busy, h, toast } from "./dom.js";
import { countdown } from "./countdown.js";
import { changeHold, createHold, holdBest, loadHold, releaseHold }
    from "./hold.js";
import { count, money, naturalOrder, title } from "./format.js";
import { Hall } from "./hall.js";
import { Overview } from "./overview.js";
import { LiveMap, readMap } from "./livemap.js";
import { SeatMap, seatName } from "./seatmap.js";
import { showInfo, when, where } from "./shows.js";
import { trail } from "./trail.js";
import { explain } from "./words.js";

const states = {
    AVAILABLE: "free",
    HELD: "held by someone else",
    BOOKED: "sold",
    UNAVAILABLE: "not for sale",
};

const MAX_SEATS = 10;
const ASK_AGAIN_MS = 2000;

/* what the map may need to show a hold of ours */
const MISSING_MS = 1500;


class SeatsPage {
    constructor(show, map, hold) {
        Object.assign(this, { show, map, hold });
        this.picked = new Set(hold ? hold.seatIds : []);
        this.section = "";
        this.build();
        this.live = new LiveMap(show.showId, map.version, {
            taken: (data) => this.take(data),
            changed: () => this.renderNotice(),
        });
    }

    destroy() {
        this.gone = true;
        this.live.stop();
        window.clearTimeout(this.missing);
        this.clock?.stop();
        this.picture?.destroy();
    }

    /* --- what is on the page --------------------------------------- */

    build() {
        this.notice = h("p", { class: "notice", hidden: true });
        this.legend = h("ul", { class: "legend", "aria-label": "Legend" });
        this.way = h("p", { class: "way", hidden: true });
        this.place = h("div", { class: "place" });
        this.look = h("p", { class: "look", "aria-hidden": "true" }, "\u00a0");
        this.buildPanel();
        this.el = h("div", { class: "seats-page" },
            this.back(),
            h("h1", {}, this.show.movieTitle),
            h("p", { class: "where" }, `${when(this.show)} · `
                + where(this.show)),
            this.notice,
            h("div", { class: "columns" },
                h("section", { class: "map", "aria-label": "Hall" },
                    this.legend, this.way, this.place, this.look,
                    h("p", { id: "grid-help", class: "muted help" },
                        "Arrow keys move between seats, space picks one.")),
                this.panel));
        this.fillLegend();
        this.renderPanel();
    }

    /* To the page that led here, else to all shows. */
    back() {
        const from = trail(this.show.movieTitle);

        return h("a", { class: "back", href: from?.address || "#/shows" },
            from?.text || "All shows");
    }

    buildPanel() {
        this.clockPlace = h("div", {});
        this.problem = h("p", { class: "notice error", hidden: true });
        this.chips = h("ul", { class: "chips" });
        this.buildBest();
        this.hint = h("p", { class: "muted hint" },
            `Pick up to ${MAX_SEATS} seats, then hold them.`);
        this.sum = h("strong", { class: "sum" });
        this.total = h("p", { class: "total" }, h("span", {}, "Total"),
            this.sum);
        this.primary = h("button", { class: "button primary", type: "button",
            onclick: () => this.go() });
        this.reset = h("button", { class: "button quiet", type: "button",
            onclick: () => this.keep() }, "Keep the seats I have");
        this.drop = h("button", { class: "button quiet", type: "button",
            onclick: () => this.release() }, "Release seats");
        this.panel = h("aside", { class: "panel", "aria-label": "Your seats" },
            h("h2", {}, "Your seats"), this.clockPlace, this.problem,
            this.hint, this.best, this.chips, this.total,
            h("div", { class: "actions" }, this.primary, this.reset,
                this.drop));
    }

    /* Seats for those who do not care to choose. */
    buildBest() {
        this.bestCount = h("select", { id: "best-count" },
            Array.from({ length: MAX_SEATS }, (_, i) => (
                h("option", { value: String(i + 1), selected: i === 1 },
                    count(i + 1, "seat")))));
        this.bestCategory = h("select", { id: "best-category" });
        this.bestButton = h("button", { class: "button quiet",
            type: "button", onclick: () => this.takeBest() },
        "Best available");
        this.best = h("div", { class: "best" },
            h("label", { class: "hidden", for: "best-count" },
                "How many together"), this.bestCount,
            h("label", { class: "hidden", for: "best-category" },
                "Category"), this.bestCategory,
            this.bestButton);
    }

    async takeBest() {
        const n = Number(this.bestCount.value);

        await this.work(this.bestButton,
            () => holdBest(this.show.showId, n, this.bestCategory.value),
            (hold) => {
                const before = [...this.picked];

                this.picked = new Set(hold.seatIds);
                this.setHold(hold);
                this.paint([...before, ...hold.seatIds]);
                this.problem.hidden = true;
                this.showSeats(hold.seatIds);
                announce(`${hold.seatIds.join(", ")} held for you.`);
            });
    }

    /* They may be off the screen, or in a section that is not drawn. */
    showSeats(ids) {
        const seat = this.map.byId.get(ids[0]);
        const part = this.map.big
            && this.map.parts.find((each) => each.seats.includes(seat));

        if (part && part.key !== this.section) {
            window.location.hash = this.address(part.key);
            return;
        }

        this.halls.forEach((hall) => hall.reveal(ids[0]));
    }

    fillLegend() {
        const { currency, categories } = this.map;
        const entry = (kind, text) => h("li", {},
            h("span", { class: `swatch seat ${kind}`,
                "aria-hidden": "true" }), text);

        this.legend.replaceChildren(
            ...categories.map(({ name, price, index }) => entry(
                `available cat-${index % 6}`,
                `${title(name)} ${money(price, currency)}`)),
            entry("picked", "Yours"), entry("held", "Held"),
            entry("booked", "Sold"));

        this.bestCategory.replaceChildren(
            h("option", { value: "" }, "Any"),
            ...categories.map(({ name }) => (
                h("option", { value: name }, title(name)))));

        if (this.map.seats.some((seat) => seat.kind === "ACCESSIBLE")) {
            this.legend.append(entry("available accessible cat-0",
                "Wheelchair"));
        }
    }

    /* Draw the hall, or the section of it that the address names. */
    draw(section) {
        const part = this.map.big ? this.map.part(section) : null;

        this.section = section;
        this.picture?.destroy();
        this.halls = [];
        this.way.hidden = part === null;

        if (this.map.big && !part) {
            this.drawOverview();
            return;
        }

        this.halls = (part ? [part] : this.map.parts).map((each, i) => (
            this.hall(each, i === 0)));
        this.picture = { destroy: () => {
            this.halls.forEach((hall) => hall.destroy());
        } };
        this.place.replaceChildren(...this.halls.map((hall) => hall.el));
        this.el.classList.remove("choosing-section");

        if (part) {
            this.way.replaceChildren(
                h("a", { href: this.address("") }, "All sections"),
                h("span", {}, part.name));
        }
    }

    /* The link that led here is gone: the focus goes on in its place. */
    lead() {
        const to = this.way.hidden ? this.el.querySelector("h1")
            : this.way.lastElementChild;

        to.tabIndex = -1;
        to.focus();
        this.el.scrollIntoView({ block: "start" });
    }

    drawOverview() {
        const overview = new Overview(this.map,
            (part) => this.address(part.key));

        this.picture = overview;
        this.overview = overview;
        this.place.replaceChildren(overview.el);
        this.el.classList.add("choosing-section");
        overview.draw();
    }

    hall(part, first) {
        return new Hall(this.map, part, {
            front: first && !this.map.big
                ? /stage|house|theatre/i.test(this.show.screenName)
                    ? "Stage" : "Screen"
                : "",
            seen: (seat) => this.seen(seat),
            pick: (seat) => this.pick(seat),
            look: (text) => {
                this.look.textContent = text;
            },
        });
    }

    seen(seat) {
        const own = this.owns(seat.seatId);
        const chosen = this.picked.has(seat.seatId);

        return {
            chosen,
            open: seat.status === "AVAILABLE" || own,
            state: chosen ? "picked" : own ? "own"
                : seat.status.toLowerCase(),
            words: own ? "held by you" : chosen ? "your choice"
                : states[seat.status],
        };
    }

    address(section) {
        const base = `#/shows/${this.show.showId}`;

        return section
            ? `${base}?section=${encodeURIComponent(section)}` : base;
    }

    paint(ids) {
        for (const id of ids) {
            const seat = this.map.byId.get(id);

            if (seat) {
                this.halls.forEach((hall) => hall.paint(seat));
            }
        }
    }

    flash(ids) {
        for (const id of ids) {
            this.halls.forEach((hall) => hall.flash(id));
        }
    }

    /* --- choosing --------------------------------------------------- */

    owns(id) {
        return this.hold !== null && this.hold.seatIds.includes(id);
    }

    pick(seat) {
        const id = seat.seatId;
        const name = seatName(seat);

        if (this.working) {
            announce("One moment\u2026");
            return;
        }

        if (this.picked.has(id)) {
            this.picked.delete(id);
            this.changed([id], `${name} left out.`);
            return;
        }

        if (seat.status !== "AVAILABLE" && !this.owns(id)) {
            const why = { HELD: "is held by someone else just now",
                BOOKED: "is sold" }[seat.status] || "is not for sale";

            toast(`${name} ${why}.`, { ms: 4000 });
            return;
        }

        if (this.picked.size >= MAX_SEATS) {
            toast(`You can book ${MAX_SEATS} seats at most.`, { ms: 4000 });
            return;
        }

        this.picked.add(id);
        this.changed([id], `${name} picked.`);
    }

    changed(ids, text) {
        this.paint(ids);
        this.problem.hidden = true;
        this.renderPanel();
        announce(`${text} ${count(this.picked.size, "seat")}, `
            + `${money(this.map.total(this.picked), this.map.currency)}.`);
    }

    /* Does the screen show another choice than the server holds? */
    differs() {
        return this.hold !== null && (this.hold.seatIds.length
            !== this.picked.size
            || this.hold.seatIds.some((id) => !this.picked.has(id)));
    }

    chip(id) {
        const seat = this.map.byId.get(id);
        const name = seat ? seatName(seat) : id;

        return h("li", { class: "chip" },
            h("span", {}, h("b", {}, id), seat && ` ${title(seat.category)}`),
            h("button", { type: "button", "aria-label": `Leave out ${name}`,
                onclick: () => {
                    this.pick(seat);
                    (this.chips.querySelector("button")
                        || this.halls[0]?.active || this.primary).focus();
                } }, "×"));
    }

    renderPanel() {
        const n = this.picked.size;
        const differs = this.differs();

        this.chips.replaceChildren(...[...this.picked].sort(naturalOrder)
            .map((id) => this.chip(id)));
        this.hint.hidden = n > 0;
        this.best.hidden = n > 0 || this.hold !== null;
        this.total.hidden = n === 0;
        this.sum.textContent = money(this.map.total(this.picked),
            this.map.currency);
        this.reset.hidden = !differs;
        this.drop.hidden = this.hold === null || (differs && n > 0);
        this.primary.textContent = n === 0 ? "Choose seats"
            : this.hold === null ? `Hold ${count(n, "seat")}`
                : differs ? `Change to ${n === 1 ? "this seat"
                    : `these ${n} seats`}` : "Checkout";

        if (n === 0 || this.working) {
            this.primary.setAttribute("aria-disabled", "true");

        } else {
            this.primary.removeAttribute("aria-disabled");
        }

        this.panel.classList.toggle("empty", n === 0 && this.hold === null);
    }

    renderClock() {
        this.clock?.stop();
        this.clock = null;
        this.clockPlace.replaceChildren();

        if (this.hold) {
            this.clock = countdown({ ...this.hold, what: "Held for you",
                onEnd: () => this.ended() });
            this.clockPlace.append(this.clock.el);
        }
    }

    setHold(hold) {
        const before = this.hold ? this.hold.seatIds : [];

        this.hold = hold;
        this.checkOwn();

        /* what we gave back is free, though the map may say so later */
        for (const id of before) {
            const seat = this.map.byId.get(id);

            if (seat?.status === "HELD" && !this.owns(id)) {
                seat.status = "AVAILABLE";
            }
        }

        this.renderClock();
        this.paint([...before, ...(hold ? hold.seatIds : [])]);
        this.renderPanel();
    }

    /* --- the hold ---------------------------------------------------- */

    /*
     * One request at a time, and the choice stays what it was sent as: a
     * second hold would take the place of the first.
     */
    async work(button, ask, done, failed = (error) => this.refused(error)) {
        if (this.working) {
            return;
        }

        this.working = true;

        await busy(button, "One moment\u2026", async () => {
            try {
                const answer = await ask();

                this.gone || done(answer);

            } catch (error) {
                this.gone || failed(error);
            }
        });

        this.working = false;
        this.gone || this.renderPanel();
    }

    async go() {
        if (this.picked.size === 0 || this.working) {
            return;
        }

        if (this.hold && !this.differs()) {
            window.location.hash = `${this.address("")}/checkout`;
            return;
        }

        const ids = [...this.picked].sort(naturalOrder);

        await this.work(this.primary,
            () => (this.hold ? changeHold(this.hold, ids)
                : createHold(this.show.showId, ids)),
            (hold) => {
                this.setHold(hold);
                announce(`${count(ids.length, "seat")} held for you.`);
                window.location.hash = `${this.address("")}/checkout`;
            });
    }

    refused(error) {
        const lost = Array.isArray(error.details?.conflicts)
            ? error.details.conflicts.filter((id) => this.picked.has(id)) : [];

        for (const id of lost) {
            const seat = this.map.byId.get(id);

            this.picked.delete(id);

            /* newer than the map on the screen */
            if (seat?.status === "AVAILABLE") {
                seat.status = "HELD";
            }
        }

        this.paint(lost);
        this.flash([...lost, ...error.details?.stranded || []]);
        this.renderPanel();
        this.say(explain(error));

        /* not the seats, then perhaps the hold: is it still there? */
        if (this.hold && lost.length === 0) {
            this.ended();
        }
    }

    say(text) {
        this.problem.textContent = text;
        this.problem.hidden = false;
        announce(text, true);
    }

    keep() {
        if (this.working) {
            return;
        }

        const before = [...this.picked];

        this.picked = new Set(this.hold.seatIds);
        this.changed([...before, ...this.picked],
            "Back to the seats you hold.");
        this.primary.focus();
    }

    async release() {
        await this.work(this.drop, () => releaseHold(this.hold),
            () => this.clear("Your seats are released."),
            (error) => this.say(explain(error)));
    }

    clear(text) {
        const before = [...this.picked];

        this.picked.clear();
        this.setHold(null);
        this.paint(before);
        this.problem.hidden = true;
        toast(text);
        this.panel.querySelector("h2").tabIndex = -1;
        this.panel.querySelector("h2").focus();
    }

    /* The time is over, or the map says so: the server knows. */
    async ended() {
        try {
            const hold = await loadHold(this.show.showId);

            if (this.gone) {
                return;
            }

            if (hold) {
                this.setHold(hold);

            } else if (this.hold) {
                this.clear("Your hold has ended, and the seats are free "
                    + "again.");
            }

        } catch {
            window.setTimeout(() => this.gone || this.ended(),
                ASK_AGAIN_MS);
        }
    }

    /* --- the live map ------------------------------------------------ */

    take(data) {
        const seats = this.map.update(data);

        if (seats === null) {
            this.renew();
            return;
        }

        if (seats.length > 0) {
            seats.forEach((seat) => {
                this.halls.forEach((hall) => hall.paint(seat));
            });
            this.picture.update?.(seats);
        }

        this.dropTaken();
        this.checkOwn();
        this.renderNotice();
    }

    /* Another layout, or other prices: every message says so until it is read. */
    async renew() {
        if (this.renewing) {
            return;
        }

        this.renewing = true;

        try {
            this.map = new SeatMap(...await readMap(this.show.showId,
                "no-cache"));

        } catch {
            window.setTimeout(() => this.gone || this.renew(), ASK_AGAIN_MS);
            return;

        } finally {
            this.renewing = false;
        }

        if (!this.gone) {
            this.live.goOn(this.map.version);
            this.fillLegend();
            this.draw(this.section);
            this.renderPanel();
        }
    }

    /* Seats picked but not held that somebody else got meanwhile. */
    dropTaken() {
        const lost = [...this.picked].filter((id) => (!this.owns(id)
            && this.map.byId.get(id)?.status !== "AVAILABLE"));

        /* while our own request is under way, its answer will tell */
        if (lost.length === 0 || this.working) {
            return;
        }

        lost.forEach((id) => this.picked.delete(id));
        this.paint(lost);
        this.flash(lost);
        this.renderPanel();
        this.say(`${lost.sort(naturalOrder).join(", ")}: someone else was `
            + "quicker. Please pick again.");
    }

    ownIsFree() {
        return this.hold !== null && !this.map.stale
            && this.hold.seatIds.some((id) => (
                this.map.byId.get(id)?.status === "AVAILABLE"));
    }

    /*
     * Our seats are free on the map, and stay so for a while: the hold ended
     * elsewhere, say in another tab.  At first it may be the map's own lag.
     */
    checkOwn() {
        if (!this.ownIsFree()) {
            window.clearTimeout(this.missing);
            this.missing = null;
            return;
        }

        this.missing ??= window.setTimeout(() => {
            this.missing = null;

            if (this.ownIsFree()) {
                this.ended();
            }
        }, MISSING_MS);
    }

    renderNotice() {
        const text = this.live?.away
            ? "No connection to the box office. The map shows what was known"
                + " last."
            : this.map.stale
                ? "The box office is catching up. The map may be a little "
                    + "behind."
                : "";

        if (text && this.notice.textContent !== text) {
            announce(text);
        }

        this.notice.textContent = text;
        this.notice.hidden = text === "";
    }
}


/* showId and section come from the address. */
export async function seatsView({ showId, section }) {
    const [show, answers, hold] = await Promise.all([
        showInfo(showId),
        readMap(showId),
        loadHold(showId),
    ]);

    const page = new SeatsPage(show, new SeatMap(...answers), hold);

    page.draw(section || "");
    page.setHold(hold);
    page.renderNotice();

    return {
        title: show.movieTitle,
        el: page.el,
        destroy: () => page.destroy(),

        /* the same show, another section: the choice stays */
        update: (params) => {
            if (params.showId !== showId) {
                return false;
            }

            page.draw(params.section || "");
            page.lead();

            return true;
        },
    };
}
