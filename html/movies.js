/* All movies, and finding one of them. */

import { announce, h } from "./dom.js";
import { facts, look, query } from "./catalogue.js";
import { count } from "./format.js";
import { more } from "./more.js";
import { poster } from "./poster.js";
import { holdBanners } from "./shows.js";
import { explain } from "./words.js";

const FILTERS = [["language", "Language"], ["genre", "Genre"],
    ["format", "Format"], ["date", "Day"]];

/* so long nobody types on: ask what it may become */
const PAUSE_MS = 150;

/* what the lists that were seen had, to be offered when one types */
const seen = { language: new Set(), genre: new Set(), format: new Set() };


export function card(film) {
    const rest = facts({ ...film, genres: null }).join(" · ");

    return h("li", {},
        h("a", { class: "movie", href: `#/movies/${film.movieId}` },
            poster(film.title, film.thumbnailUrl, "large"),
            h("strong", {}, film.title),
            film.genres?.length > 0 && h("span", { class: "muted" },
                film.genres.join(", ")),
            rest && h("span", { class: "muted" }, rest)));
}


function notice(items) {
    for (const film of items) {
        film.genres?.forEach((genre) => seen.genre.add(genre));
        film.language && seen.language.add(film.language);
        film.format && seen.format.add(film.format);
    }
}


/* What of the address is a filter. */
function filters(params) {
    return Object.fromEntries([["q"], ...FILTERS].map(([name]) => (
        [name, params[name]])).filter(([, value]) => value));
}


class Movies {
    constructor(params) {
        this.asked = 0;
        this.banners = holdBanners();
        this.list = h("div", {});
        this.heading = h("h1", {}, "What is on");
        this.build();
        this.fill(params);
        this.el = h("div", { class: "browse" }, this.heading,
            this.banners.el, this.form, this.list);
    }

    destroy() {
        this.asked++;
        window.clearTimeout(this.typing);
        this.banners.stop();
    }

    build() {
        this.inputs = FILTERS.map(([name]) => h("input", {
            type: name === "date" ? "date" : "text", name,
            id: `filter-${name}`, maxLength: 64, autocomplete: "off",
        }));

        for (const input of this.inputs.filter(({ name }) => name in seen)) {
            input.setAttribute("list", `known-${input.name}`);
        }

        this.lists = Object.keys(seen).map((name) => (
            h("datalist", { id: `known-${name}` })));

        this.words = h("input", { type: "search", name: "q", id: "search",
            maxLength: 100, autocomplete: "off",
            oninput: () => this.suggest() });
        this.words.setAttribute("list", "suggested");
        this.suggested = h("datalist", { id: "suggested" });

        this.clear = h("a", { class: "button quiet", href: "#/" },
            "Show all");

        this.panel = h("details", { class: "filters" },
            h("summary", {}, "Filter"),
            h("div", { class: "filter-fields" },
                FILTERS.map(([name, text], i) => h("div", { class: "field" },
                    h("label", { for: `filter-${name}` }, text),
                    this.inputs[i])),
                this.lists,
                h("div", { class: "row-actions" },
                    h("button", { class: "button quiet", type: "submit" },
                        "Apply"),
                    this.clear)));

        this.form = h("form", { class: "finder-form", role: "search",
            "aria-label": "Movies", noValidate: true,
            onsubmit: (event) => this.send(event) },
        h("div", { class: "search-line" },
            h("label", { for: "search" }, "Search"), this.words,
            this.suggested,
            h("button", { class: "button primary", type: "submit" },
                "Find")),
        this.panel);

        this.panel.open = window.matchMedia("(min-width: 62rem)").matches;
    }

    /* The form as the address says. */
    fill(params) {
        const now = filters(params);

        this.now = now;

        for (const input of [this.words, ...this.inputs]) {
            input.value = now[input.name] || "";
        }

        this.clear.hidden = Object.keys(now).length === 0;

        if (FILTERS.some(([name]) => now[name])) {
            this.panel.open = true;
        }
    }

    send(event) {
        event.preventDefault();

        const hash = `#/${query(Object.fromEntries([this.words, ...this.inputs].map(
            (input) => [input.name, input.value.trim()])))}`;

        if (hash === window.location.hash) {
            this.show();

        } else {
            window.location.hash = hash;
        }
    }

    update(params) {
        this.fill(params);
        this.show();

        return true;
    }

    /* What the words may become; an extra, and the last one counts. */
    suggest() {
        window.clearTimeout(this.typing);
        this.typing = window.setTimeout(async () => {
            const q = this.words.value.trim();

            try {
                const { items } = q === "" ? { items: [] }
                    : await look("/search/suggest", { q, limit: 8 });

                if (q === this.words.value.trim()) {
                    this.suggested.replaceChildren(...items.map((each) => (
                        h("option", { value: each.text }))));
                }

            } catch {
                /* the search itself says what is wrong */
            }
        }, PAUSE_MS);
    }

    /* By words there is one page, the best first. */
    async page(cursor) {
        if (this.now.q) {
            const found = await look("/search", { ...this.now, limit: 50 });

            return { items: found.movies, nextCursor: null,
                theatres: found.theatres };
        }

        return look("/movies", { ...this.now, limit: 24, cursor });
    }

    /* The list of what the form says; only the last one counts. */
    async show() {
        const asked = ++this.asked;
        let content;

        try {
            const data = await this.page();

            content = this.content(data);

        } catch (error) {
            content = [h("p", { class: "notice error" }, explain(error))];
            announce(explain(error), true);
        }

        if (asked === this.asked) {
            this.list.replaceChildren(...content);
        }
    }

    content({ items, nextCursor, theatres = [] }) {
        const houses = theatres.length > 0 && h("section", {},
            h("h2", {}, "Theatres"),
            h("ul", { class: "houses" }, theatres.map((each) => h("li", {},
                h("a", { href: `#/theatres/${each.theatreId}` }, each.name),
                each.city && ` · ${each.city}`))));

        const list = h("ul", { class: "movies" }, items.map(card));

        this.known(items);
        announce(items.length === 0 ? "No movies."
            : `${nextCursor ? "More than " : ""}`
                + `${count(items.length, "movie")}.`);

        if (items.length === 0) {
            return [h("p", { class: "muted none" },
                Object.keys(this.now).length > 0
                    ? "There is no such movie." : "Nothing is on just now."),
            houses || ""];
        }

        return [list, more(list, "More movies", nextCursor,
            async (cursor) => {
                const data = await this.page(cursor);

                this.known(data.items);

                return { items: data.items.map(card),
                    cursor: data.nextCursor };
            }), houses || ""];
    }

    known(items) {
        notice(items);

        for (const list of this.lists) {
            const values = [...seen[list.id.slice("known-".length)]].sort();

            list.replaceChildren(...values.map((value) => (
                h("option", { value }))));
        }
    }
}


export async function moviesView(params) {
    const page = new Movies(params);

    await page.show();

    return { title: "Movies", el: page.el,
        update: (next) => page.update(next),
        destroy: () => page.destroy() };
}
