-- mix.lua - each client works off a list of its own, once.
--
--   wrk -t N -c N -s mix.lua URL -- FOLDER
--
-- Client I reads FOLDER/list.I: lines `read PATH` and `finalize BODY`. A path that URL has
-- goes before theirs. When the client is through it writes FOLDER/times.I: a line
-- `KIND STATUS FROM TO` a call, in microseconds of the monotonic clock.

local ffi = require("ffi")
ffi.cdef [[
struct dg_time { long seconds, nanoseconds; };
int clock_gettime(int clock, struct dg_time *out);
]]
local MONOTONIC = 1
local now_is = ffi.new("struct dg_time")

local function now_us()
   ffi.C.clock_gettime(MONOTONIC, now_is)
   return tonumber(now_is.seconds) * 1000000 +
      tonumber(now_is.nanoseconds) / 1000
end

local clients = 0

function setup(thread)
   thread:set("client", clients)
   clients = clients + 1
end

local kinds, texts, times = {}, {}, {}
local at, began = 0, 0
local folder

function init(args)
   folder = args[1]
   local before = wrk.path:gsub("/$", "")
   if client == 0 then
      at = -1 -- wrk takes one request of the first client only to look at it
   end
   for line in io.lines(folder .. "/list." .. client) do
      local kind, rest = line:match("^(%l+) (.*)$")
      table.insert(kinds, kind)
      if kind == "read" then
         table.insert(texts, wrk.format("GET", before .. rest))
      else
         table.insert(texts, wrk.format("POST", before .. "/finalize-trip",
            { ["Content-Type"] = "application/json" }, rest))
      end
   end
end

function request()
   at = at + 1
   began = now_us()
   return texts[at] or texts[#texts]
end

local function finish()
   local path = folder .. "/times." .. client
   local out = assert(io.open(path .. ".part", "w"))
   out:write(table.concat(times, "\n"), "\n")
   out:close()
   os.rename(path .. ".part", path)
   wrk.thread:stop()
end

function response(status)
   if at > #texts then return end
   table.insert(times, string.format("%s %d %.0f %.0f",
      kinds[at], status, began, now_us()))
   if at == #texts then finish() end
end
