// Fedify's base64 moves its buffers, which Node does from version 21 on. A copy does as well.
ArrayBuffer.prototype.transfer ??= function (length = this.byteLength) {
  const moved = new ArrayBuffer(length);
  new Uint8Array(moved).set(new Uint8Array(this, 0, Math.min(length, this.byteLength)));
  return moved;
};
