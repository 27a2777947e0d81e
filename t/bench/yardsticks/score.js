// score.js - a simple score: distance, speeds, harsh moments. Not DriveGuard's.
'use strict';
const MILES_A_DEGREE = 69.0, LATITUDE = 41.0, MS2_A_MPH = 0.44704, HARSH_MS2 = 3.5;
const EAST_WEST = Math.cos(LATITUDE * Math.PI / 180);

function score(deltas) {
  let miles = 0, ms = 0, top = 0, sum = 0, squares = 0, harsh = 0, last = null;
  for (const d of deltas) {
    const speed = +d.speed_mph || 0;
    miles += Math.hypot(d.delta_lat / 1e6, d.delta_long / 1e6 * EAST_WEST) * MILES_A_DEGREE;
    ms += +d.delta_time;
    top = Math.max(top, speed);
    sum += speed;
    squares += speed * speed;
    if (last !== null &&
        Math.abs(speed - last) * MS2_A_MPH / (d.delta_time / 1000) > HARSH_MS2) harsh++;
    last = speed;
  }
  const n = deltas.length, mean = n ? sum / n : 0;
  const deviation = n ? Math.sqrt(Math.max(0, squares / n - mean * mean)) : 0;
  const lost = 5 * harsh / Math.max(1, miles / 10) + Math.min(20, deviation);
  return { total_distance_miles: miles, duration_minutes: ms / 60000, avg_speed: mean,
    max_speed: top, total_harsh_events: harsh,
    behavior_score: Math.round(Math.max(30, 100 - lost) * 10) / 10 };
}

function aggregate(userId, trips) {
  let miles = 0, weighted = 0;
  for (const t of trips) {
    miles += t.total_distance_miles;
    weighted += t.behavior_score * t.total_distance_miles;
  }
  return { user_id: userId, total_trips: trips.length, total_distance_miles: miles,
    overall_behavior_score: Math.round(weighted / (miles || 1) * 10) / 10, trips };
}

module.exports = { score, aggregate };
