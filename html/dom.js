/*
 * Small helpers over the DOM.  Text always goes in as text nodes: nothing
 * that a server or a person sent is ever parsed as HTML.
 */


/*
 * h(tag, props, ...children): an element.  Of the props, "class" and names
 * with a dash or "role" become attributes, "on..." functions become
 * listeners, a null or false value is left out, the rest are properties.
 */
export function h(tag, props, ...children) {
    const el = document.createElement(tag);

    for (const [name, value] of Object.entries(props || {})) {
        if (value === null || value === undefined || value === false) {
            continue;
        }

        if (name.startsWith("on") && typeof value === "function") {
            el.addEventListener(name.slice(2), value);

        } else if (name in el && !name.includes("-")) {
            el[name] = value;

        } else {
            el.setAttribute(name, value === true ? "" : value);
        }
    }

    append(el, children);

    return el;
}


function append(el, children) {
    for (const child of children) {
        if (Array.isArray(child)) {
            append(el, child);

        } else if (child !== null && child !== undefined && child !== false) {
            el.append(child);
        }
    }
}


/*
 * Tell a screen reader.  The text is cleared first and set a moment later:
 * the same sentence twice would otherwise be no change, and go unspoken.
 */
export function announce(text, urgent) {
    const region = document.getElementById(urgent ? "assertive" : "polite");

    region.textContent = "";
    window.clearTimeout(region.timer);
    region.timer = window.setTimeout(() => {
        region.textContent = text;
    }, 60);
}


/*
 * A passing message, seen and spoken.  Returns a function that takes it
 * away early; a zero time keeps it until then.
 */
export function toast(text, { kind = "info", ms = 6000 } = {}) {
    const el = h("p", { class: `toast ${kind}` }, text);
    const remove = () => el.remove();

    document.getElementById("toasts").append(el);
    announce(text, kind === "error");

    if (ms > 0) {
        window.setTimeout(remove, ms);
    }

    return remove;
}


/* A link that looks like a button. */
export function buttonLink(href, text, kind = "primary") {
    return h("a", { class: `button ${kind}`, href }, text);
}


/* Disable a button and say what it is doing, while work() runs. */
export async function busy(button, text, work) {
    const before = button.textContent;

    if (button.getAttribute("aria-disabled") === "true") {
        return undefined;
    }

    /* not "disabled": that would throw the focus away */
    button.setAttribute("aria-disabled", "true");
    button.textContent = text;

    try {
        return await work();

    } finally {
        button.removeAttribute("aria-disabled");
        button.textContent = before;
    }
}
