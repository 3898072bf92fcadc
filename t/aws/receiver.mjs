// Receives from queues with the client of AWS, and writes what it got as lines
// of JSON, in the order of arrival.
//
//     node receiver.mjs PORT OUT QUEUE...
//
// It goes on when the server is away; and ends when it is told to.

import { appendFileSync } from 'node:fs';
import { DeleteMessageBatchCommand, GetQueueUrlCommand, ReceiveMessageCommand,
    SQSClient } from '@aws-sdk/client-sqs';

const [port, out, ...queues] = process.argv.slice(2);
const client = new SQSClient({ region: 'eu-central-1', maxAttempts: 1,
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: 'AKIDRECEIVER', secretAccessKey: 'other' } });


async function take(queue) {
    const { QueueUrl } = await client.send(
        new GetQueueUrlCommand({ QueueName: queue }));
    const { Messages = [] } = await client.send(new ReceiveMessageCommand({
        QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1,
        AttributeNames: ['All'], MessageAttributeNames: ['All'] }));

    for (const m of Messages) {
        appendFileSync(out, JSON.stringify({ queue, body: m.Body,
            group: m.Attributes.MessageGroupId,
            dedup: m.Attributes.MessageDeduplicationId,
            type: m.MessageAttributes?.type?.StringValue }) + '\n');
    }

    if (Messages.length) {
        await client.send(new DeleteMessageBatchCommand({ QueueUrl,
            Entries: Messages.map((m, i) => ({ Id: `m${i}`,
                ReceiptHandle: m.ReceiptHandle })) }));
    }
}


async function follow(queue) {
    for (;;) {
        try {
            await take(queue);
        } catch {
            await new Promise(resolve => setTimeout(resolve, 100));
        }
    }
}


await Promise.all(queues.map(follow));
