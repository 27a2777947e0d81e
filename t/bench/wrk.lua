-- wrk.lua - one request again and again; the result as one line of JSON.
--
-- `answers` is the count of each client, which shows starvation where every
-- client has a thread of its own (wrk -t N -c N).

local say = dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "result.lua")
local threads = {}
local text

function setup(thread)
   -- A global of the client, as done() asks for it. wrk takes one request of the
   -- first client only to look at it.
   thread:set("sent", #threads == 0 and -1 or 0)
   table.insert(threads, thread)
end

function init()
   text = wrk.format()
end

function request()
   sent = sent + 1
   return text
end

function done(summary, latency)
   local answers = {}
   for _, thread in ipairs(threads) do
      -- A client's last request got no answer: the time was over.
      table.insert(answers, math.max(0, thread:get("sent") - 1))
   end
   say(summary, latency, string.format(', "answers": [%s]', table.concat(answers, ", ")))
end
