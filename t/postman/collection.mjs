/*
 * The Postman collection of docs/openapi.yaml: its operations as the converter
 * of Postman makes them, in the order and with the values of walk.mjs, so that
 * it runs from top to bottom.  "./dev postman FILE" writes it.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";

import { WALK } from "./walk.mjs";

const require = createRequire(import.meta.url);
const Converter = require("openapi-to-postmanv2");

const WHO = {
    administrator: { "x-user-id": "{{administrator}}",
        "x-user-role": "ADMIN" },
    staff: { "x-user-id": "{{staff}}", "x-user-role": "STAFF" },
    customer: { "x-user-id": "{{customer}}" },
    bearer: { Authorization: "Bearer {{accessToken}}" },
    nobody: {},
};

/* Every request of a run is another; what is made bears the run's number. */
const BEFORE_ALL = `
if (!pm.collectionVariables.get("run")) {
    const now = Date.now();

    pm.collectionVariables.set("run", now);
    pm.collectionVariables.set("tomorrow",
        new Date(now + 2 * 86400000).toISOString().slice(0, 10));
}

pm.collectionVariables.set("now", new Date().toISOString());`;


export async function collection(file) {
    const description = readFileSync(file, "utf8");
    const convert = promisify(Converter.convertV2.bind(Converter));
    const { result, reason, output } = await convert(
        { type: "string", data: description }, { folderStrategy: "Tags",
            parametersResolution: "Example" });

    if (!result) {
        throw new Error(`${file}: ${reason}`);
    }

    const operations = await operationsOf(description);
    const made = output[0].data;
    const items = new Map(flat(made.item).map((item) => [key(item), item]));

    return {
        info: { name: made.info.name, schema: made.info.schema,
            description: made.info.description },
        event: [script("prerequest", BEFORE_ALL)],
        variable: Object.entries({ origin: "http://127.0.0.1:8080",
            administrator: "root", staff: "door", customer: "alice",
            room: "premiere", run: "" })
            .map(([name, value]) => ({ key: name, value })),
        item: Object.entries(WALK).map(([name, steps]) => ({ name,
            item: steps.map(([id, step = {}]) => request(
                operations.get(id) ?? unknown(id),
                items.get(operations.get(id).key), step)) })),
    };
}


function unknown(id) {
    throw new Error(`walk.mjs: no operation "${id}"`);
}


/* By operationId: what is needed of the description, references followed. */
export async function operationsOf(description) {
    const root = require("js-yaml").load(description);
    const follow = (it) => (it?.$ref ? it.$ref.slice(2).split("/")
        .reduce((at, name) => at[name], root) : it);
    const found = new Map();

    for (const [path, methods] of Object.entries(root.paths)) {
        for (const [method, it] of Object.entries(methods)) {
            if (!it.operationId) {
                continue;
            }

            found.set(it.operationId, { path, method: method.toUpperCase(),
                key: `${method.toUpperCase()} ${path}`,
                summary: it.summary,
                base: (methods.servers ?? it.servers ?? root.servers)[0].url,
                needsKey: (it.parameters ?? []).map(follow).some((each) => (
                    each.name === "Idempotency-Key" && each.required)),
                security: it.security ?? [],
                example: it.requestBody?.content["application/json"]?.example,
                hasBody: Boolean(it.requestBody),
                good: Object.keys(it.responses).map(Number)
                    .filter((code) => code >= 200 && code < 300) });
        }
    }

    return found;
}


function flat(items) {
    return items.flatMap((item) => (item.item ? flat(item.item) : [item]));
}


/* "GET /shows/{showId}", of an item of the converter */
function key({ request: { method, url } }) {
    const path = url.path.map((part) => part.replace(/^:(.*)/, "{$1}")
        .replace(/\{\{(\w+)\}\}/g, "{$1}"));

    return `${method} /${path.join("/")}`;
}


function request(operation, item, step) {
    if (!item) {
        throw new Error(`the converter has lost ${operation.key}`);
    }

    return {
        name: step.name || operation.summary,
        event: [
            script("prerequest", before(step)),
            script("test", after(operation, step)),
        ],
        request: {
            method: operation.method,
            description: item.request.description,
            auth: { type: "noauth" },
            header: header(operation, step),
            url: url(operation, step),
            ...body(operation, step),
        },
    };
}


function header(operation, step) {
    const all = { Accept: "application/json", ...WHO[who(operation, step)] };

    if (operation.hasBody) {
        all["Content-Type"] = "application/json";
    }

    if (operation.needsKey) {
        all["Idempotency-Key"] = "{{$guid}}";
    }

    return Object.entries({ ...all, ...step.headers })
        .map(([name, value]) => ({ key: name, value }));
}


function who({ security }, { as }) {
    return as ?? (security.some((each) => each.role) ? "administrator"
        : security.some((each) => each.user) ? "customer" : "nobody");
}


/* The parameters of the path stand in it: what a run saves fills them. */
function url(operation, step) {
    const path = operation.path.replace(/\{(\w+)\}/g,
        (_, name) => step.path?.[name] ?? `{{${name}}}`);
    const query = new URLSearchParams(step.query).toString()
        .replaceAll("%7B%7B", "{{").replaceAll("%7D%7D", "}}");

    return `{{origin}}${operation.base.replace(/\/$/, "")}${path}`
        + (query && `?${query}`);
}


function body(operation, step) {
    const sent = step.body ?? operation.example;

    if (!operation.hasBody) {
        return {};
    }

    if (sent === undefined) {
        throw new Error(`walk.mjs: ${operation.key} needs a body`);
    }

    return { body: { mode: "raw", raw: JSON.stringify(sent, null, 4),
        options: { raw: { language: "json" } } } };
}


function script(listen, text) {
    return { listen, script: { type: "text/javascript",
        exec: text.trim().split("\n") } };
}


/* What waits for something does not ask all the time. */
function before({ wait }) {
    return wait ? "setTimeout(() => {}, 500);" : "";
}


function after(operation, { status, save = {}, wait }) {
    const lines = [`pm.test("answers as the walk expects", () => {
    pm.expect(pm.response.code, pm.response.text().slice(0, 500))
        .to.be.oneOf(${JSON.stringify(status ?? operation.good)});
});`];

    if (wait) {
        lines.push(again(wait));
    }

    for (const [name, from] of Object.entries(save)) {
        lines.push(keep(name, from));
    }

    return lines.join("\n\n");
}


function keep(name, from) {
    const way = from.replace(/\?$/, "").split(".");
    const value = from === "ETag" ? 'pm.response.headers.get("ETag")'
        : `${JSON.stringify(way)}.reduce(
        (at, name) => at?.[name], pm.response.json())`;
    const must = from.endsWith("?") ? ""
        : `\n    pm.expect(value).to.be.a("string").and.not.empty;`;

    return `pm.test("has ${from}", () => {
    const value = ${value};
${must}
    pm.collectionVariables.set("${name}", value);
});`;
}


function again(want) {
    return `const want = ${JSON.stringify(want)};
const tries = Number(pm.collectionVariables.get("tries") || 0);
const there = Object.entries(want).every(
    ([name, value]) => pm.response.json()[name] === value);

if (!there && tries < 40) {
    pm.collectionVariables.set("tries", tries + 1);
    pm.execution.setNextRequest(pm.info.requestId);
} else {
    pm.collectionVariables.set("tries", 0);
    pm.test("has become what the walk waits for", () => {
        pm.expect(there, pm.response.text().slice(0, 500)).to.be.true;
    });
}`;
}


if (process.argv[1] === new URL(import.meta.url).pathname) {
    process.stdout.write(JSON.stringify(
        await collection(process.argv[2]), null, 2) + "\n");
}
