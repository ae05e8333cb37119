#!/usr/bin/env node
// A BatchNorm in JavaScript, and the driver through which bnspec asks it; docs/protocol.md has the messages.
//
//     chmod +x batchnorm.js
//     bnspec check ./batchnorm.js
"use strict";
const fs = require("fs");

class Unsupported extends Error {}

// Values of x are x[n][c][s], one after the other, in a typed array, Float32Array or Float64Array: what is stored in one is rounded
// to it. momentum weighs the new batch; the running variance is the unbiased one.
class BatchNorm {
  constructor(Floats, channels) {
    Object.assign(this, { Floats, channels, eps: 1e-5, momentum: 0.1 });
    Object.assign(this, { gamma: new Floats(channels).fill(1), beta: new Floats(channels) });
    Object.assign(this, { running_mean: new Floats(channels), running_var: new Floats(channels).fill(1) });
  }

  *places(size, c) {
    const spatial = this.spatial;
    for (let start = c * spatial; start < size; start += this.channels * spatial)
      for (let at = start; at < start + spatial; at++) yield at;
  }

  forward(x, shape, training) {
    const spatial = shape.slice(2).reduce((a, b) => a * b, 1);
    const y = new this.Floats(x.length), m = x.length / this.channels;
    if (training && m === 0) throw new Error("a batch of no values has no mean");
    Object.assign(this, { spatial, training, xHat: new Float64Array(x.length), invStd: new Float64Array(this.channels) });
    for (let c = 0; c < this.channels; c++) {
      const places = [...this.places(x.length, c)], sum = (of) => places.reduce((total, at) => total + of(x[at], at), 0);
      let mean = this.running_mean[c], variance = this.running_var[c];
      if (training) {
        const rough = sum((value) => value) / m;
        mean = rough + sum((value) => value - rough) / m; // the second sum has what rounding took from the first
        const squares = sum((value) => (value - mean) ** 2);
        variance = squares / m;
        this.running_mean[c] = (1 - this.momentum) * this.running_mean[c] + this.momentum * mean;
        this.running_var[c] = (1 - this.momentum) * this.running_var[c] + (this.momentum * squares) / Math.max(m - 1, 1);
      }
      this.invStd[c] = 1 / Math.sqrt(variance + this.eps);
      for (const at of places) {
        this.xHat[at] = (x[at] - mean) * this.invStd[c];
        y[at] = this.gamma[c] * this.xHat[at] + this.beta[c];
      }
    }
    return y;
  }

  backward(dy) {
    if (!this.xHat || dy.length !== this.xHat.length) throw new Error("dy has another size than x had");
    const { Floats, channels, xHat } = this, m = dy.length / channels;
    const dx = new Floats(dy.length), dgamma = new Floats(channels), dbeta = new Floats(channels);
    for (let c = 0; c < channels; c++) {
      let ofGamma = 0, ofBeta = 0;
      for (const at of this.places(dy.length, c)) (ofGamma += dy[at] * xHat[at]), (ofBeta += dy[at]);
      const scale = this.gamma[c] * this.invStd[c];
      (dgamma[c] = ofGamma), (dbeta[c] = ofBeta);
      for (const at of this.places(dy.length, c))
        dx[at] = scale * (dy[at] - (this.training ? (ofBeta + xHat[at] * ofGamma) / m : 0));
    }
    return { dx, dgamma, dbeta };
  }
}

const FLOATS = { f4: Float32Array, f8: Float64Array };

function hello(words) {
  if (words.protocol !== "1") throw new Error("this driver speaks protocol 1");
  return { protocol: 1, backward: 1, running: 1, copy: 0, save: 0 };
}

function layerOf(words, arrays) {
  if (words.axis !== "1" || !FLOATS[words.dtype]) throw new Unsupported("f4 and f8, channels on axis 1");
  const layer = new BatchNorm(FLOATS[words.dtype], Number(words.channels));
  if ("eps" in words) layer.eps = Number(words.eps);
  if ("momentum" in words) layer.momentum = Number(words.momentum);
  return Object.assign(layer, arrays);
}

// What the standard library of other languages has: blocking, buffered reading.
class Pipe {
  constructor(descriptor) {
    Object.assign(this, { descriptor, waiting: Buffer.alloc(0), piece: Buffer.alloc(1 << 16) });
  }

  more() {
    const got = fs.readSync(this.descriptor, this.piece);
    if (!got) process.exit(0); // the judge is gone
    this.waiting = Buffer.concat([this.waiting, this.piece.subarray(0, got)]);
  }

  take(count) {
    while (this.waiting.length < count) this.more();
    const taken = Uint8Array.prototype.slice.call(this.waiting, 0, count); // a copy, which starts at a multiple of 8
    this.waiting = this.waiting.subarray(count);
    return taken;
  }

  line() {
    while (!this.waiting.includes("\n")) this.more();
    return String.fromCharCode(...this.take(this.waiting.indexOf("\n") + 1)).trim();
  }
}

// The protocol.
const incoming = new Pipe(Number(process.env.BNSPEC_IN)), outgoing = Number(process.env.BNSPEC_OUT), layers = {};

function answer(words, arrays, sizes) {
  const layer = layers[words.layer];
  if (words.op === "start") return hello(words);
  if (words.op === "stop") return {};
  if (words.op === "layer") {
    delete layers[words.layer];
    layers[words.layer] = layerOf(words, arrays);
    return {};
  }
  if (!["forward", "backward", "running"].includes(words.op)) throw new Unsupported(`${words.op} is not offered`);
  if (!layer) throw new Error(`there is no layer ${words.layer}`);
  if (words.op === "running") return { mean: layer.running_mean, var: layer.running_var };
  if (words.op === "forward") return { y: layer.forward(arrays.x, sizes.x, words.training === "1"), shape: sizes.x };
  return { ...layer.backward(arrays.dy), shape: sizes.dy };
}

for (let op = ""; op !== "stop"; ) {
  const words = {}, arrays = {}, sizes = {};
  for (const word of incoming.line().split(" ")) {
    const [, name, mark, rest] = word.match(/^(\w+)([=:])(.*)$/), [dtype, shape] = rest.split(":");
    if (mark === "=") { words[name] = rest; continue; }
    sizes[name] = shape.split(",").map(Number);
    const bytes = incoming.take(sizes[name].reduce((a, b) => a * b, Number(dtype.at(-1)))); // u1, bf2, f4: the width is last
    arrays[name] = new (FLOATS[dtype] ?? Uint8Array)(bytes.buffer);
  }
  let line = `id=${words.id} ok=1`, payload = [];
  try {
    const { shape, ...fields } = answer(words, arrays, sizes);
    for (const [name, value] of Object.entries(fields)) {
      if (typeof value === "number") { line += ` ${name}=${value}`; continue; }
      line += ` ${name}:f${value.BYTES_PER_ELEMENT}:${["y", "dx"].includes(name) ? shape : value.length}`;
      payload.push(Buffer.from(value.buffer));
    }
  } catch (trouble) {
    payload = [Buffer.from(trouble.message)];
    line = `id=${words.id} ok=0 kind=${trouble instanceof Unsupported ? "unsupported" : "error"} text:u1:${payload[0].length}`;
  }
  const reply = Buffer.concat([Buffer.from(`${line}\n`), ...payload]);
  for (let sent = 0; sent < reply.length; op = words.op) sent += fs.writeSync(outgoing, reply, sent);
}
