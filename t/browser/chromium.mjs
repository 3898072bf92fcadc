/*
 * The browser of the tests: Debian's Chromium as it is without a window, which
 * takes two thirds of the time, or the one CHROMIUM names.
 */

import { chromium } from "playwright-core";


export function launch() {
    return chromium.launch({
        executablePath: process.env.CHROMIUM
            || "/usr/bin/chromium-headless-shell",
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"],
    });
}
