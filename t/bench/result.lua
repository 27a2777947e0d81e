-- result.lua - the end of a run of wrk, for the scripts beside this one:
--
--   local say = dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "result.lua")
--   function done(summary, latency) say(summary, latency) end
--
-- One line of JSON; more: members beside those that each run has.

return function(summary, latency, more)
   local e = summary.errors
   io.write(string.format(
      'RESULT {"requests": %d, "seconds": %.6f, "bytes": %d, ' ..
      '"refused": %d, "lost": %d, "p50_us": %d, "p99_us": %d%s}\n',
      summary.requests, summary.duration / 1e6, summary.bytes,
      e.status, e.connect + e.read + e.write + e.timeout,
      latency:percentile(50), latency:percentile(99), more or ""))
end
