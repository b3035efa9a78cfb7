-- Tells wrk what to send. From the environment: METHOD, PATHS and AUTHORIZATIONS (one a line, each path with each,
-- taken in turn) and BODY, in which {n} becomes a number that no other request of the same run has. The last line
-- printed is JSON.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("thread", threads)
end

local method, body = os.getenv("METHOD"), os.getenv("BODY")
local paths, headers, ready, sent = {}, {}, {}, 0

function init()
  for authorization in os.getenv("AUTHORIZATIONS"):gmatch("[^\n]+") do
    for path in os.getenv("PATHS"):gmatch("[^\n]+") do
      local fields = {["Authorization"] = authorization}
      if body ~= "" then
        fields["Content-Type"] = "application/json"
      end
      table.insert(paths, path)
      table.insert(headers, fields)
      table.insert(ready, wrk.format(method, path, fields))
    end
  end
end

function request()
  local turn = sent % #paths + 1
  sent = sent + 1
  if body == "" then
    return ready[turn]
  end
  local number = thread .. "-" .. sent
  return wrk.format(method, paths[turn], headers[turn], (body:gsub("{n}", number)))
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
