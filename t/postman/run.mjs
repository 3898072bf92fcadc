/*
 * run.mjs ORIGIN: runs the collection with newman against a server, and prints
 * what failed, how many requests there were, and the operations that the
 * collection has not got, as JSON.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";

import { collection, operationsOf } from "./collection.mjs";
import { WALK } from "./walk.mjs";

const newman = createRequire(import.meta.url)("newman");
const FILE = path.join(import.meta.dirname ?? new URL(".", import.meta.url)
    .pathname, "../../docs/openapi.yaml");
const ENDLESS = "streams";

const { run } = await promisify(newman.run)({
    collection: await collection(FILE),
    folder: Object.keys(WALK).filter((name) => name !== ENDLESS),
    envVar: [{ key: "origin", value: process.argv[2] }],
    timeoutRequest: 20000,
});

const walked = new Set(Object.values(WALK).flat().map(([id]) => id));
const all = await operationsOf(readFileSync(FILE, "utf8"));

console.log(JSON.stringify({
    requests: run.stats.requests.total,
    assertions: run.stats.assertions.total,
    failed: run.failures.map(({ source, error }) => (
        `${source?.name}: ${error.test ?? ""}: ${error.message}`)),
    missing: [...all.keys()].filter((id) => !walked.has(id)),
}));
