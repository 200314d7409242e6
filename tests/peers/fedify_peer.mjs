// A small independent server on Fedify, for tests: one person who looks a community up, follows
// it, keeps what the community announces and replies. It is told what to do in JSON lines on
// standard input and answers each with one JSON line; it ends when standard input ends.
//
// Plain http on loopback is the only thing bent: Fedify asks WebFinger over https, so requests to
// loopback addresses are sent over http instead. Everything else is Fedify as it is.
import "./node20.mjs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Temporal } from "@js-temporal/polyfill";
import {
  Accept, Activity, Announce, Create, Endpoints, Follow, Note, Person, Reject, Undo,
  createFederation, generateCryptoKeyPair, lookupObject, MemoryKvStore, PUBLIC_COLLECTION,
} from "@fedify/fedify";

const PERSON = "zoe";
const LOOPBACK = /^https:\/\/(127\.0\.0\.1|localhost)(?=[:/])/;

const plainFetch = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const url = input instanceof Request ? input.url : String(input);
  return plainFetch(LOOPBACK.test(url) ? url.replace(/^https/, "http") : input, init);
};

const received = []; // every activity that passed Fedify's own checks, in order of arrival
const notes = new Map(); // what our person wrote, by id
let lastFollow = null;

const federation = createFederation({ kv: new MemoryKvStore(), allowPrivateAddress: true });
const keyPairs = [
  await generateCryptoKeyPair("RSASSA-PKCS1-v1_5"),
  await generateCryptoKeyPair("Ed25519"),
];

federation.setActorDispatcher("/users/{identifier}", async (ctx, identifier) => {
  if (identifier !== PERSON) return null;
  const keys = await ctx.getActorKeyPairs(identifier);
  return new Person({
    id: ctx.getActorUri(identifier),
    preferredUsername: identifier,
    name: "Zoe of the other house",
    inbox: ctx.getInboxUri(identifier),
    outbox: ctx.getOutboxUri(identifier),
    followers: ctx.getFollowersUri(identifier),
    endpoints: new Endpoints({ sharedInbox: ctx.getInboxUri() }),
    url: ctx.getActorUri(identifier),
    publicKey: keys[0].cryptographicKey,
    assertionMethods: keys.map((key) => key.multikey),
  });
}).setKeyPairsDispatcher((_ctx, identifier) => (identifier === PERSON ? keyPairs : []));
federation.setOutboxDispatcher("/users/{identifier}/outbox", () => ({ items: [] }));
federation.setFollowersDispatcher("/users/{identifier}/followers", () => ({ items: [] }));
federation.setObjectDispatcher(Note, "/notes/{key}", (ctx, { key }) =>
  notes.get(ctx.getObjectUri(Note, { key }).href) ?? null);
federation.setNodeInfoDispatcher("/nodeinfo/2.1", () => ({
  software: { name: "fedify-peer", version: { major: 1, minor: 0, patch: 0 } },
  protocols: ["activitypub"],
  usage: { users: { total: 1 }, localPosts: 0, localComments: 0 },
}));
federation.setInboxListeners("/users/{identifier}/inbox", "/inbox")
  .on(Activity, async (ctx, activity) => {
    received.push(await describe(ctx, activity));
  });

async function describe(ctx, activity) {
  const kind = [Accept, Reject, Announce, Create].find((type) => activity instanceof type);
  const object = await activity.getObject({ ...ctx, suppressError: true });
  const inner = object instanceof Activity
    ? await object.getObject({ ...ctx, suppressError: true })
    : null;
  return {
    type: kind?.name ?? activity.constructor.name,
    id: activity.id?.href,
    actor: activity.actorId?.href,
    object: brief(object) ?? { id: activity.objectId?.href },
    inner: brief(inner),
  };
}

function brief(object) {
  if (object == null) return null;
  return {
    type: object.constructor.name,
    id: object.id?.href ?? null,
    name: object.name?.toString() ?? null,
    content: object.content?.toString() ?? null,
    attributedTo: object.attributionId?.href ?? null,
    inReplyTo: object.replyTargetId?.href ?? null,
  };
}

const listener = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const hasBody = !["GET", "HEAD"].includes(incoming.method);
  const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
    method: incoming.method,
    headers: Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    body: hasBody ? Buffer.concat(chunks) : undefined,
  });
  const notFound = () => new Response("not found", { status: 404 });
  const response = await federation.fetch(request, {
    contextData: undefined, onNotFound: notFound, onNotAcceptable: notFound,
  });
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
});
await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${listener.address().port}`;
const context = () => federation.createContext(new URL(origin), undefined);

async function findGroup(ctx, address) {
  const loaders = { documentLoader: ctx.documentLoader, contextLoader: ctx.contextLoader };
  return await lookupObject(address, { ...loaders, allowPrivateAddress: true });
}

const COMMANDS = {
  async lookup(ctx, { address }) {
    const group = await findGroup(ctx, address);
    return group && {
      type: group.constructor.name,
      id: group.id.href,
      name: group.name?.toString(),
      preferredUsername: group.preferredUsername?.toString(),
      inbox: group.inboxId?.href,
      followers: group.followersId?.href,
      publicKey: (await group.getPublicKey(ctx))?.id?.href,
    };
  },
  async follow(ctx, { address }) {
    const group = await findGroup(ctx, address);
    lastFollow = new Follow({
      id: new URL(`/follows/${crypto.randomUUID()}`, origin),
      actor: ctx.getActorUri(PERSON), object: group.id, to: group.id,
    });
    await ctx.sendActivity({ identifier: PERSON }, group, lastFollow);
    return { id: lastFollow.id.href };
  },
  async unfollow(ctx, { address }) {
    const group = await findGroup(ctx, address);
    const id = new URL(`/undos/${crypto.randomUUID()}`, origin);
    await ctx.sendActivity({ identifier: PERSON }, group, new Undo({
      id, actor: ctx.getActorUri(PERSON), object: lastFollow, to: group.id,
    }));
    return { id: id.href };
  },
  async reply(ctx, { address, to, content }) {
    const group = await findGroup(ctx, address);
    const id = ctx.getObjectUri(Note, { key: crypto.randomUUID() });
    const addressing = { to: PUBLIC_COLLECTION, ccs: [group.id, group.followersId] };
    const note = new Note({
      id, attribution: ctx.getActorUri(PERSON), replyTarget: new URL(to), content,
      published: Temporal.Now.instant(), url: id, ...addressing,
    });
    notes.set(id.href, note);
    await ctx.sendActivity({ identifier: PERSON }, group, new Create({
      id: new URL(`${id.href}/create`), actor: ctx.getActorUri(PERSON), object: note, ...addressing,
    }));
    return { id: id.href };
  },
  async received() {
    return received;
  },
};

const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");
say({ origin, address: `${PERSON}@${origin.slice("http://".length)}`, person: context().getActorUri(PERSON).href });
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line);
  try {
    say({ ok: true, result: await COMMANDS[command](context(), options) });
  } catch (error) {
    say({ ok: false, error: String(error?.stack ?? error) });
  }
}
process.exit(0);
