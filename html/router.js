/*
 * Addresses to views, for pages whose address is the part after the #.
 *
 * The address holds all that a reload needs; the rest is asked of the
 * server again.
 *
 * A view is an async function of the address's parts that resolves to
 * {title, el, destroy?, update?}.  update(params) is asked first when the
 * next address has the same view, and says whether that was enough.
 */

import { announce, buttonLink, h } from "./dom.js";
import { explain } from "./words.js";

const main = document.getElementById("main");
let routes = [];
let home = {};
let site = "";
let current = null;
let visit = 0;
let allowed = async () => {};


function parse(hash) {
    const [path, query] = hash.replace(/^#/, "").split("?");

    for (const route of routes) {
        const match = route.at.exec(path);

        if (match) {
            return { route, params: { ...match.groups,
                ...Object.fromEntries(new URLSearchParams(query)) } };
        }
    }

    return { route: routes.find(({ at }) => at.test(home.href.slice(1))),
        params: {} };
}


/* In a row that is pushed aside, where one is should be in sight. */
function show(link) {
    const row = link.parentElement;

    row.scrollLeft = link.offsetLeft - row.offsetLeft
        - (row.clientWidth - link.offsetWidth) / 2;
}


function markNav(name) {
    for (const link of document.querySelectorAll("[data-nav]")) {
        if (link.dataset.nav === name) {
            link.setAttribute("aria-current", "page");
            show(link);

        } else {
            link.removeAttribute("aria-current");
        }
    }
}


/* Where one signs in, and comes back from. */
function signIn() {
    const to = location.pathname + location.search + location.hash;

    return `index.html#/sign-in?to=${encodeURIComponent(to)}`;
}


function failed(error) {
    /* a mistake of this page, not of the server: leave a trace of it */
    if (error.status === undefined) {
        console.error(error);
    }

    return {
        title: "Not now",
        el: h("div", { class: "empty-state" },
            h("h1", {}, error.status === 404 ? "Not here" : "Not now"),
            h("p", {}, explain(error)),
            h("div", { class: "actions row-actions" },
                h("button", { class: "button primary", type: "button",
                    onclick: navigate }, "Try again"),
                error.status === 401 && buttonLink(signIn(), "Sign in",
                    "quiet"),
                buttonLink(home.href, home.text, "quiet"))),
    };
}


function put(view, first) {
    main.replaceChildren(view.el);
    main.removeAttribute("aria-busy");
    document.title = `${view.title} · ${site}`;

    const heading = main.querySelector("h1");

    heading.tabIndex = -1;

    /* a new view is read from its heading, as a new page would be */
    if (!first) {
        window.scrollTo(0, 0);
        heading.focus({ preventScroll: true });
    }
}


export async function navigate() {
    const { route, params } = parse(window.location.hash);
    const mine = ++visit;
    const first = current === null;

    markNav(route.nav);

    if (current?.view === route.view && current.update?.(params)) {
        return;
    }

    current?.destroy?.();
    current = { view: route.view };
    main.setAttribute("aria-busy", "true");

    /* a quick answer should not flash a message before it */
    const slow = window.setTimeout(() => {
        main.replaceChildren(h("p", { class: "loading" }, "One moment…"));
        announce("Loading");
    }, 400);

    let view;

    try {
        await allowed();
        view = await route.view(params);

    } catch (error) {
        view = failed(error);
    }

    window.clearTimeout(slow);

    if (mine !== visit) {
        view.destroy?.();
        return;
    }

    current = { ...view, view: route.view };
    put(view, first);
}


/*
 * table: [{at, view, nav}], at being a regular expression with named parts;
 * what no row knows is the one of where.  where: {href, text} of the way out
 * of an error.  name: the end of every title.  first(): asked before any view,
 * rejects when there is none for who asks.
 */
export function start(table, where, name, first = allowed) {
    allowed = first;
    routes = table;
    home = where;
    site = name;

    /* not by its address: the part after the # is ours */
    document.querySelector(".skip").addEventListener("click", (event) => {
        event.preventDefault();
        main.focus();
    });

    window.addEventListener("hashchange", navigate);
    navigate();
}
