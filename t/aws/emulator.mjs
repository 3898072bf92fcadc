// SQS and SNS: fauxqs, with the queues, topics and subscriptions of the test.
//
//     node emulator.mjs PORT JOURNAL SETUP
//
// SETUP is JSON: { queues: { name: {attributes} }, topics: { name:
// {attributes} }, subscriptions: [ { topic, queue, attributes } ] }.
//
// JOURNAL gets a line of JSON for each message that was accepted, before the
// answer leaves; the emulator itself forgets everything when it ends.  After
// SIGUSR1 the next three answers are lost: what was sent is accepted, and the
// connection ends.

import { appendFileSync } from 'node:fs';
import { buildApp } from 'fauxqs';

const [port, journal, setup] = process.argv.slice(2);
const region = 'eu-central-1';
const app = buildApp({ logger: false, host: '127.0.0.1',
    defaultRegion: region });

let lost = 0;

process.on('SIGUSR1', () => { lost = 3; });


function note(entry) {
    appendFileSync(journal, JSON.stringify(entry) + '\n');
}


function accepted(request, payload) {
    if (request.headers['x-amz-target'] === 'AmazonSQS.SendMessageBatch') {
        const entries = new Map(request.body.Entries.map(e => [e.Id, e]));

        for (const { Id } of JSON.parse(payload).Successful ?? []) {
            const e = entries.get(Id);
            note({ to: 'sqs', group: e.MessageGroupId,
                dedup: e.MessageDeduplicationId, body: e.MessageBody });
        }

        return true;
    }

    if (request.body?.Action === 'Publish') {
        note({ to: request.body.TopicArn, group: request.body.MessageGroupId,
            dedup: request.body.MessageDeduplicationId,
            body: request.body.Message });
        return true;
    }

    return false;
}


app.addHook('onSend', async (request, reply, payload) => {
    if (reply.statusCode === 200 && accepted(request, payload) && lost > 0) {
        lost--;
        note({ lost: true });
        reply.raw.destroy();
    }

    return payload;
});


async function sqs(action, payload) {
    const reply = await app.inject({ method: 'POST', url: '/', payload,
        headers: { host: `127.0.0.1:${port}`,
            'content-type': 'application/x-amz-json-1.0',
            'x-amz-target': `AmazonSQS.${action}` } });

    if (reply.statusCode !== 200) {
        throw new Error(`${action}: ${reply.body}`);
    }

    return reply.json();
}


async function sns(fields) {
    const reply = await app.inject({ method: 'POST', url: '/',
        payload: new URLSearchParams(fields).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' } });

    if (reply.statusCode !== 200) {
        throw new Error(`${fields.Action}: ${reply.body}`);
    }
}


function attributes(of) {
    return Object.fromEntries(Object.entries(of ?? {}).flatMap(([k, v], i) =>
        [[`Attributes.entry.${i + 1}.key`, k],
            [`Attributes.entry.${i + 1}.value`, v]]));
}


const arn = (service, name) => `arn:aws:${service}:${region}:000000000000:${name}`;
const { queues, topics, subscriptions } = JSON.parse(setup);

for (const [name, of] of Object.entries(queues)) {
    await sqs('CreateQueue', { QueueName: name, Attributes: of });
}

for (const [name, of] of Object.entries(topics)) {
    await sns({ Action: 'CreateTopic', Name: name, ...attributes(of) });
}

for (const { topic, queue, attributes: of } of subscriptions) {
    await sns({ Action: 'Subscribe', TopicArn: arn('sns', topic),
        Protocol: 'sqs', Endpoint: arn('sqs', queue), ...attributes(of) });
}

await app.listen({ host: '127.0.0.1', port: Number(port) });
