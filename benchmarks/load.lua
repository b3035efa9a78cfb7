-- Tells wrk what to send. From the environment: METHOD, TOKEN, PATHS (one a line, taken in turn) and BODY, in
-- which {n} becomes a number that no other request of the same run has. The last line printed is JSON.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("thread", threads)
end

local method, body = os.getenv("METHOD"), os.getenv("BODY")
local headers, paths, ready, sent = {}, {}, {}, 0

function init()
  headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
  if body ~= "" then
    headers["Content-Type"] = "application/json"
  end
  for path in os.getenv("PATHS"):gmatch("[^\n]+") do
    table.insert(paths, path)
    table.insert(ready, wrk.format(method, path, headers))
  end
end

function request()
  local turn = sent % #paths + 1
  sent = sent + 1
  if body == "" then
    return ready[turn]
  end
  local number = thread .. "-" .. sent
  return wrk.format(method, paths[turn], headers, (body:gsub("{n}", number)))
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
