-- uploads.lua - uploads as the app sends them: 25 points, 5 KB, distinct trips.
--
--   wrk ... -s uploads.lua URL -- RUN DRIVERS
--
-- In each thread LANES trips are under way at a time, each call is of another one; a trip ends after
-- 40 uploads. RUN is a word that no earlier run had, so no trip comes twice. Trips are
-- of the first DRIVERS users of fleet.py, in turn.

local say = dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "result.lua")
local LANES, UPLOADS, POINTS = 64, 40, 25

local function delta(n, speed)
   return string.format(
      '{"delta_lat":%d,"delta_long":%d,"delta_time":1000.0,' ..
      '"timestamp":"2026-01-01T%02d:%02d:%02d.%03dZ","sequence":%d,"speed_mph":%.2f,' ..
      '"speed_confidence":0.95,"gps_accuracy":5.0,"is_stationary":false,' ..
      '"data_quality":"high"}',
      math.random(-150, 150), math.random(1, 150), 8 + math.floor(n / 3600),
      math.floor(n / 60) % 60, n % 60, n % 1000, n, speed)
end

-- What follows the ids in the body of upload k, the same for each trip: making 25
-- deltas a call would take the processor from the servers.
local function rest_of(k)
   local deltas = {}
   for i = 1, POINTS do
      deltas[i] = delta((k - 1) * POINTS + i, 30 + math.random() * 30)
   end
   return string.format(
      '"batch_number":%d,"batch_size":%d,"first_point_timestamp":"2026-01-01T08:%02d:%02dZ",' ..
      '"last_point_timestamp":"2026-01-01T08:%02d:%02dZ","deltas":[%s],' ..
      '"quality_metrics":{"gps_quality_score":0.9}}',
      k, POINTS, math.floor((k - 1) * POINTS / 60), (k - 1) * POINTS % 60,
      math.floor(k * POINTS / 60), k * POINTS % 60, table.concat(deltas, ","))
end

local threads = 0

function setup(thread)
   thread:set("thread", threads)
   threads = threads + 1
end

local run, drivers
local rest = {}
local calls = -1

function init(args)
   run, drivers = args[1] .. thread .. "-", tonumber(args[2])
   math.randomseed(20 + thread)
   for k = 1, UPLOADS do
      rest[k] = rest_of(k)
   end
   wrk.headers["Content-Type"] = "application/json"
end

function request()
   calls = calls + 1
   local of_lane = math.floor(calls / LANES)
   local trip = math.floor(of_lane / UPLOADS) * LANES + calls % LANES
   local user = string.format("be9c0000-0000-4000-8000-%012x", trip % drivers + 1)
   return wrk.format("POST", nil, nil, string.format(
      '{"user_id":"%s","trip_id":"trip_%s_%s%d",%s', user, user, run, trip,
      rest[of_lane % UPLOADS + 1]))
end

function done(summary, latency)
   say(summary, latency)
end
