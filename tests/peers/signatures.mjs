// Signs and verifies with libraries of other servers: one JSON line in, one JSON line out.
// {"run": "<library>.<command>", …} is answered by {"ok": true, "result": …} or {"ok": false, "error"}.
//
// Keys travel as PEM, requests as {"method", "url", "headers": {lower-case name: value}, "body"}.
// Documents that a library would fetch are given along in "documents" {url: document}.
import "./node20.mjs";
import { createPublicKey, verify as verifyBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { Temporal } from "@js-temporal/polyfill";
import {
  createProof, getDocumentLoader, Note, Object as APObject, signRequest, verifyObject, verifyRequest,
} from "@fedify/fedify";
import * as misskey from "@misskey-dev/node-http-message-signatures";
import httpSignature from "@peertube/http-signature";

const ALGORITHMS = {
  rsa: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ed25519: { name: "Ed25519" },
};

function der(pem) {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
}

function privateKey(pem, kind = "rsa") {
  return crypto.subtle.importKey("pkcs8", der(pem), ALGORITHMS[kind], true, ["sign"]);
}

const contextLoader = getDocumentLoader();

function loaders(documents) {
  const documentLoader = async (url) => {
    const document = documents[url] ?? documents[url.split("#")[0]];
    if (document == null) throw new Error(`nobody gave ${url}`);
    return { document, documentUrl: url, contextUrl: null };
  };
  return { documentLoader, contextLoader };
}

function asRequest({ method, url, headers, body }) {
  return new Request(url, { method, headers, body: method === "GET" ? undefined : body });
}

function pathOf(url) {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

const COMMANDS = {
  "peertube.verify": ({ request, publicKeyPem }) => {
    const { method, url, headers } = request;
    const incoming = { method, url: pathOf(url), httpVersion: "1.1", headers };
    const parsed = httpSignature.parseRequest(incoming, {
      authorizationHeaderName: "signature", clockSkew: 300,
    });
    const verified = httpSignature.verifySignature(parsed, publicKeyPem);
    return { verified, keyId: parsed.keyId, covered: parsed.params.headers };
  },
  "peertube.sign": ({ request, keyId, privateKeyPem, covered, hideAlgorithm }) => {
    const headers = { ...request.headers };
    const outgoing = {
      method: request.method,
      path: pathOf(request.url),
      getHeader: (name) => headers[name.toLowerCase()],
      setHeader: (name, value) => { headers[name.toLowerCase()] = value; },
    };
    httpSignature.signRequest(outgoing, {
      keyId, key: privateKeyPem, headers: covered, hideAlgorithm,
      algorithm: "rsa-sha256", authorizationHeaderName: "signature",
    });
    headers.signature = headers.signature.replace(/^Signature /, "");
    return { headers };
  },
  "misskey.verify": async ({ request, publicKeyPem }) => {
    const source = { ...request, url: pathOf(request.url) };
    const parsed = misskey.parseRequestSignature(source, {
      requiredComponents: { draft: ["(request-target)", "host", "date"] },
      clockSkew: { delay: 300_000, forward: 300_000 },
    });
    const verified = await misskey.verifyDraftSignature(parsed.value, publicKeyPem);
    const digest = request.body == null
      || await misskey.verifyDigestHeader(source, Buffer.from(request.body), true);
    return { verified: verified && digest, keyId: parsed.value.keyId };
  },
  "misskey.sign": async ({ request, keyId, privateKeyPem, covered }) => {
    const { signatureHeader } = await misskey.signAsDraftToRequest(
      { ...request, headers: { ...request.headers } }, { keyId, privateKeyPem }, covered,
    );
    return { headers: { ...request.headers, signature: signatureHeader } };
  },
  // The library makes the text that is signed, and has no verification for this form yet.
  "misskey.verifyMessage": ({ request, label, publicKeyPem }) => {
    const base = new misskey.RFC9421SignatureBaseFactory(request).generate(label);
    const value = Buffer.from(request.headers.signature.split(":")[1], "base64");
    const verified = verifyBytes("sha256", Buffer.from(base), createPublicKey(publicKeyPem), value);
    return { verified, base };
  },
  "fedify.verify": async ({ request, documents }) => {
    const key = await verifyRequest(asRequest(request), loaders(documents));
    return { verified: key != null, keyId: key?.id?.href ?? null };
  },
  "fedify.sign": async ({ request, keyId, privateKeyPem, spec }) => {
    const key = await privateKey(privateKeyPem);
    const signed = await signRequest(asRequest(request), key, new URL(keyId), { spec });
    return { headers: Object.fromEntries(signed.headers) };
  },
  "fedify.verifyProof": async ({ document, documents }) => {
    const object = await verifyObject(APObject, document, loaders(documents));
    return { verified: object != null, id: object?.id?.href ?? null };
  },
  "fedify.prove": async ({ document, keyId, privateKeyPem }) => {
    const { "@context": context } = document;
    const object = await Note.fromJsonLd(document, loaders({}));
    const options = { contextLoader, context, created: Temporal.Now.instant() };
    const key = await privateKey(privateKeyPem, "ed25519");
    const proof = await createProof(object, key, new URL(keyId), options);
    const proved = object.clone({ proofs: [proof] });
    return { document: await proved.toJsonLd({ format: "compact", contextLoader, context }) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { run, ...options } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: true, result: await COMMANDS[run](options) };
  } catch (error) {
    answer = { ok: false, error: String(error?.stack ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0);
