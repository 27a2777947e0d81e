-- paths.lua - GETs of any of many paths.
--
--   wrk ... -s paths.lua URL -- FILE       a path a line

local say = dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "result.lua")
local texts = {}
local threads = 0

function setup(thread)
   thread:set("thread", threads)
   threads = threads + 1
end

function init(args)
   math.randomseed(20 + thread)
   for line in io.lines(args[1]) do
      table.insert(texts, wrk.format("GET", line))
   end
end

function request()
   return texts[math.random(#texts)]
end

function done(summary, latency)
   say(summary, latency)
end
