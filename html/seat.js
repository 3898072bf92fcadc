/*
 * The booking site: addresses to views.
 *
 *   #/                        the shows
 *   #/shows/{id}              the hall; ?section= one part of a big one
 *   #/shows/{id}/checkout     pay for what is held there
 *   #/orders                  the visitor's orders
 *   #/orders/{id}             one order, its ticket
 *
 * The address holds all that a reload needs; the rest is asked of the
 * server again.
 *
 * A view is an async function of the address's parts that resolves to
 * {title, el, destroy?, update?}.
 */

import { announce, buttonLink, h } from "./dom.js";
import { checkoutView } from "./checkout.js";
import { orderView, ordersView } from "./orders.js";
import { seatsView } from "./seats.js";
import { showsView } from "./shows.js";
import { explain } from "./words.js";

const routes = [
    { at: /^\/?$/, view: showsView, nav: "shows" },
    { at: /^\/shows\/(?<showId>[^/]+)$/, view: seatsView, nav: "shows" },
    { at: /^\/shows\/(?<showId>[^/]+)\/checkout$/, view: checkoutView,
        nav: "shows" },
    { at: /^\/orders$/, view: ordersView, nav: "orders" },
    { at: /^\/orders\/(?<orderId>[^/]+)$/, view: orderView, nav: "orders" },
];

const main = document.getElementById("main");
let current = null;
let visit = 0;


function parse(hash) {
    const [path, query] = hash.replace(/^#/, "").split("?");

    for (const route of routes) {
        const match = route.at.exec(path);

        if (match) {
            return { route, params: { ...match.groups,
                ...Object.fromEntries(new URLSearchParams(query)) } };
        }
    }

    return { route: routes[0], params: {} };
}


function markNav(name) {
    for (const link of document.querySelectorAll("[data-nav]")) {
        if (link.dataset.nav === name) {
            link.setAttribute("aria-current", "page");

        } else {
            link.removeAttribute("aria-current");
        }
    }
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
                buttonLink("#/", "All shows", "quiet"))),
    };
}


function put(view, first) {
    main.replaceChildren(view.el);
    main.removeAttribute("aria-busy");
    document.title = `${view.title} · Boxoffice`;

    const heading = main.querySelector("h1");

    heading.tabIndex = -1;

    /* a new view is read from its heading, as a new page would be */
    if (!first) {
        window.scrollTo(0, 0);
        heading.focus({ preventScroll: true });
    }
}


async function navigate() {
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


/* not by its address: the part after the # is ours */
document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
});

window.addEventListener("hashchange", navigate);
navigate();
