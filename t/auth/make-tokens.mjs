// Session tokens by the packages that sites use, and a provider's ID tokens.
//
//   node make-tokens.mjs session < requests     each line a JSON object
//       {"version": 4|5, "secret", "salt", "token": {...}, "maxAge"}; answers
//       a line with the token each
//   node make-tokens.mjs provider               starts oauth2-mock-server, and
//       prints {"issuer", "jwks"}; then each line of the input, the claims as
//       JSON, is answered with an ID token, and "rotate" with a new key

import { createInterface } from "node:readline";

// to be called when all is ready: what comes before is lost
const lines = () => createInterface({ input: process.stdin });
const say = text => process.stdout.write(`${text}\n`);

async function session() {
    const { default: next } = await import("next-auth/jwt");
    const auth = await import("@auth/core/jwt");

    for await (const line of lines()) {
        const { version, ...params } = JSON.parse(line);

        say(await (version === 4 ? next : auth).encode(params));
    }
}

async function provider() {
    const { OAuth2Server } = await import("oauth2-mock-server");
    const server = new OAuth2Server();

    await server.issuer.keys.generate("RS256");
    await server.start(0, "127.0.0.1");

    const { port } = server.address();

    say(JSON.stringify({ issuer: server.issuer.url,
        jwks: `http://127.0.0.1:${port}/jwks` }));

    let kid;

    for await (const line of lines()) {
        if (line === "rotate") {
            ({ kid } = await server.issuer.keys.generate("RS256"));
            say(kid);
            continue;
        }

        const claims = JSON.parse(line);

        say(await server.issuer.buildToken({
            kid,
            expiresIn: 300,
            scopesOrTransform: (_header, payload) =>
                Object.assign(payload, claims),
        }));
    }

    await server.stop();
}

await (process.argv[2] === "provider" ? provider() : session());
