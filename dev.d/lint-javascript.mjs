/*
 * node --experimental-vm-modules lint-javascript.mjs FILE...: parses each as a
 * module, runs none, and prints those that are none.
 */

import { readFileSync } from "node:fs";
import vm from "node:vm";


for (const file of process.argv.slice(2)) {
    const text = readFileSync(file, "utf8").replace(/^#!/, "//");

    try {
        new vm.SourceTextModule(text, { identifier: file });

    } catch (error) {
        console.log(`${file}: ${error.message}`);
    }
}
