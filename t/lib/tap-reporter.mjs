/*
 * A reporter for node's test runner: plain TAP, one line for each top-level
 * test, everything else as comments.  Its own "tap" reporter adds blocks of
 * YAML that Perl's TAP parser refuses.
 */

import { inspect } from "node:util";


function comment(text) {
    return String(text).trimEnd().replace(/^/gm, "# ") + "\n";
}


function why(error) {
    const cause = error?.cause ?? error;

    return comment(cause?.stack ?? inspect(cause));
}


export default async function* report(source) {
    let n = 0;

    for await (const { type, data } of source) {
        if (type === "test:stdout" || type === "test:stderr") {
            yield comment(data.message);
            continue;
        }

        if (type !== "test:pass" && type !== "test:fail") {
            continue;
        }

        const ok = type === "test:pass";

        if (data.nesting === 0) {
            const skip = data.skip !== undefined ? " # SKIP" : "";

            yield `${ok ? "ok" : "not ok"} ${++n} - ${data.name}${skip}\n`;

        } else if (!ok) {
            yield comment(`not ok - ${data.name}`);
        }

        if (!ok) {
            yield why(data.details?.error);
        }
    }

    yield `1..${n}\n`;
}
