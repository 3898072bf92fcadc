/*
 * The absolute address of what came along as "to", when it is a page of this
 * site, or null.  A browser leaves some characters out: so it is asked.
 */
export function ownAddress(to) {
    try {
        const url = new URL(to, document.baseURI);

        return to && url.origin === window.location.origin ? url.href : null;

    } catch {
        return null;
    }
}
