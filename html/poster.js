/* A movie's picture, or the first letter of its title. */

import { h } from "./dom.js";


/* A colour that is always the same for the same title. */
export function hue(text) {
    let n = 0;

    for (const letter of text) {
        n = (n * 31 + letter.codePointAt(0)) % 360;
    }

    return n;
}


/* What the policy of the page lets in; the rest has no picture. */
function allowed(address) {
    try {
        const url = new URL(address, document.baseURI);

        return url.protocol === "https:"
            || url.origin === window.location.origin;

    } catch {
        return false;
    }
}


export function poster(title, address, kind = "") {
    const [letter] = title;
    const el = h("span", { class: `poster ${kind}`, "aria-hidden": "true" },
        letter || "");

    el.style.setProperty("--hue", hue(title));

    if (address && allowed(address)) {
        const img = h("img", { alt: "", loading: "lazy", decoding: "async",
            referrerPolicy: "no-referrer", onerror: () => img.remove() });

        img.src = address;
        el.append(img);
    }

    return el;
}
