// Verifies one captured request with the library that PeerTube uses. Reads from standard input
// {"method", "path", "headers": {lower-case name: value}, "publicKeyPem"} and prints
// {"verified", "keyId", "algorithm", "headers"}.
import { text } from "node:stream/consumers";
import httpSignature from "@peertube/http-signature";

const captured = JSON.parse(await text(process.stdin));
const request = {
  method: captured.method,
  url: captured.path,
  httpVersion: "1.1",
  headers: captured.headers,
};
const parsed = httpSignature.parseRequest(request, {
  authorizationHeaderName: "signature",
  clockSkew: 300,
});
const verified = httpSignature.verifySignature(parsed, captured.publicKeyPem);
process.stdout.write(JSON.stringify({
  verified,
  keyId: parsed.keyId,
  algorithm: parsed.params.algorithm,
  headers: parsed.params.headers,
}) + "\n");
