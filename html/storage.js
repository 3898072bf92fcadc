/*
 * localStorage and sessionStorage as JSON, with a map in memory where the
 * browser refuses them (private windows, blocked cookies): the page then
 * works until it is closed.
 */


function box(name) {
    const memory = new Map();
    let store = null;

    try {
        store = window[name];
        store.setItem("boxoffice.probe", "1");
        store.removeItem("boxoffice.probe");

    } catch {
        store = null;
    }

    return {
        get(key) {
            const text = store ? store.getItem(key) : memory.get(key);

            try {
                return text ? JSON.parse(text) : null;

            } catch {
                return null;
            }
        },

        set(key, value) {
            const text = JSON.stringify(value);

            try {
                if (store) {
                    store.setItem(key, text);
                    return;
                }

            } catch {
                /* full: memory serves for the life of the page */
                store = null;
            }

            memory.set(key, text);
        },

        remove(key) {
            if (store) {
                store.removeItem(key);
            }

            memory.delete(key);
        },
    };
}


export const local = box("localStorage");
export const session = box("sessionStorage");


/*
 * A random UUID.  crypto.randomUUID() exists only in secure contexts, and a
 * phone on the developer's network opens the page over plain HTTP.
 */
export function uuid() {
    if (crypto.randomUUID) {
        return crypto.randomUUID();
    }

    const b = crypto.getRandomValues(new Uint8Array(16));

    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;

    const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");

    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16),
        hex.slice(16, 20), hex.slice(20)].join("-");
}
