// node.js - the service as one would write it in an afternoon of JavaScript: fastify,
// better-sqlite3, Redis. t/bench/README.md says what it leaves out.
//
//   NODE_PATH=... node node.js DATABASE REDIS_SOCKET [grouped]
//
// grouped: what waits is committed together.
'use strict';
const fastify = require('fastify')({ bodyLimit: 1 << 20 });
const Redis = require('ioredis');
const { score, aggregate } = require('./score.js');

const [, , file, redisSocket, form] = process.argv;
const db = new (require('better-sqlite3'))(file);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL'); // a commit is on the disk before its 200
const redis = new Redis(redisSocket);
const KEEP_S = 300;

const sql = {
  owner: db.prepare('select user_id from trips where trip_id = ?').pluck(),
  trip: db.prepare('select * from trips where trip_id = ?'),
  widen: db.prepare(`insert into trips values (?, ?, 'active', ?, ?, 1, ?, ?)
    on conflict (trip_id) do update set batches = batches + 1,
    start = min(start, excluded.start), end = max(end, excluded.end),
    highest = max(highest, excluded.highest), updated = excluded.updated`),
  batch: db.prepare('insert or replace into batches values (?, ?, ?, ?, ?)'),
  deltas: db.prepare('select deltas from batches where trip_id = ? order by number').pluck(),
  complete: db.prepare(`update trips set status = 'completed', start = ?, end = ?, updated = ?
    where trip_id = ?`),
  analysis: db.prepare('insert or replace into analyses values (?, ?, ?, ?)'),
  analyses: db.prepare('select analysis from analyses where user_id = ? order by end desc').pluck(),
};

const alone = db.transaction(work => work());

// Eleven lines more: all that came in one turn of the event loop is one transaction.
let waiting = [];
const commitAll = db.transaction(all => { for (const one of all) one.result = one.work(); });
function together(work) {
  return new Promise((done, failed) => {
    if (waiting.push({ work, done, failed }) > 1) return;
    setImmediate(() => {
      const all = waiting;
      waiting = [];
      try { commitAll(all); } catch (e) { for (const one of all) one.failed(e); return; }
      for (const one of all) one.done(one.result);
    });
  });
}
const commit = form === 'grouped' ? together : async work => alone(work);

function storeBatch(b, deltas) {
  const owner = sql.owner.get(b.trip_id);
  if (owner && owner !== b.user_id) return false;
  const now = new Date().toISOString();
  sql.widen.run(b.trip_id, b.user_id, b.first_point_timestamp, b.last_point_timestamp,
    b.batch_number, now);
  sql.batch.run(b.trip_id, b.batch_number, b.user_id, JSON.stringify(deltas), now);
  return true;
}

const usable = d => ['delta_lat', 'delta_long', 'delta_time'].every(k => Number.isFinite(+d[k])) &&
  d.delta_time > 0;

fastify.post('/store-trajectory-batch', async (request, reply) => {
  const b = request.body;
  if (!b.user_id || !b.trip_id || !b.batch_number || !Array.isArray(b.deltas))
    return reply.code(400).send({ error: 'Missing required fields' });
  const deltas = b.deltas.filter(usable);
  if (!deltas.length) return reply.code(400).send({ error: 'No valid deltas found' });
  if (!await commit(() => storeBatch(b, deltas)))
    return reply.code(409).send({ error: 'Another user\'s trip' });
  const speeds = deltas.reduce((sum, d) => sum + (+d.speed_mph || 0), 0);
  return reply.send({ message: 'Trajectory batch stored successfully',
    batch_id: `${b.trip_id}_batch_${b.batch_number}`, deltas_count: deltas.length,
    average_speed: speeds / deltas.length });
});

function finalize(f) {
  const trip = sql.trip.get(f.trip_id);
  if (!trip) return { code: 404, error: 'No such trip' };
  if (trip.user_id !== f.user_id) return { code: 409, error: 'Another user\'s trip' };
  const start = f.start_timestamp || trip.start, end = f.end_timestamp || trip.end;
  const deltas = sql.deltas.all(f.trip_id).flatMap(text => JSON.parse(text));
  const analysis = { trip_id: f.trip_id, user_id: f.user_id, start_timestamp: start,
    end_timestamp: end, ...score(deltas) };
  sql.analysis.run(f.trip_id, f.user_id, end, JSON.stringify(analysis));
  sql.complete.run(start, end, new Date().toISOString(), f.trip_id);
  return { code: 200, analysis };
}

fastify.post('/finalize-trip', async (request, reply) => {
  const f = request.body;
  if (!f.user_id || !f.trip_id) return reply.code(400).send({ error: 'Missing required fields' });
  const { code, ...answer } = await commit(() => finalize(f));
  if (code === 200) await redis.del('answer:' + f.user_id);
  return reply.code(code).send(answer);
});

fastify.get('/analyze-driver', async (request, reply) => {
  const id = request.query.user_id, key = 'answer:' + id;
  let body = await redis.getBuffer(key);
  if (!body) {
    const trips = sql.analyses.all(id).map(text => JSON.parse(text));
    if (!trips.length) return reply.code(404).send({ error: 'No trips' });
    body = JSON.stringify(aggregate(id, trips));
    await redis.set(key, body, 'EX', KEEP_S);
  }
  return reply.type('application/json').send(body);
});

fastify.listen({ port: 0, host: '127.0.0.1' }).then(address => console.log('Listening at:', address));
