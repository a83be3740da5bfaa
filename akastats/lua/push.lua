-- push: adds a batch of points to their labels' numbers and histories, with their contexts and whatever
-- else the batch changes. All of it or nothing: every check stands before the first write.
--
-- KEYS  INDEX, SEEN,
--       CURSOR                                    (only with a producer)
--       per label: COUNT AVG STDEV MIN MAX TOTAL TOTAL_SQ LAST_TIME LAST HISTORY
--       per context: CONTEXTS::id
--       RUN, and per further write: its key       (only with further writes)
-- ARGV  history_size, label_ttl (seconds),
--       cursor_from, cursor_to, cursor_ttl (seconds); cursor_from is empty without a producer,
--       labels, per label: label, points, per point: timestamp (epoch seconds), value, context_id;
--           a label's points come oldest first,
--       contexts, per context: ttl (seconds), bytes,
--       writes, and if there are any: replaceable (the run's statuses that they may replace),
--           per write: command, number of arguments, arguments
-- Returns {1, cursor_to} when applied, {0, cursor} when the producer's cursor stands elsewhere.
-- Errors with BADTYPE when a key of ours holds another type; then nothing was written.

local next_key, next_argument = 0, 0
local function key()
  next_key = next_key + 1
  return KEYS[next_key]
end
local function argument()
  next_argument = next_argument + 1
  return ARGV[next_argument]
end
local function count()
  return tonumber(argument())
end

local index, seen = key(), key()
local history_size, label_ttl = count(), argument()
local cursor_from, cursor_to, cursor_ttl = argument(), argument(), argument()

local seconds, microseconds = unpack(redis.call("TIME"))
local now = tonumber(seconds) + tonumber(microseconds) / 1e6
local CLOCK_SKEW = 300

local function text(number)
  return string.format("%.17g", number)
end

-- What an older writer left as nan or inf counts as absent.
local function number(stored)
  local value = stored and tonumber(stored)
  if value and value == value and value < math.huge and value > -math.huge then
    return value
  end
end

local cursor
if cursor_from ~= "" then
  cursor = key()
  local stands = redis.call("GET", cursor) or "0"
  if stands ~= cursor_from then
    return {0, stands}
  end
end

-- Reading and checking: nothing is written before the line that says so.

local problem
local function must_hold(name, wanted)
  local kind = redis.call("TYPE", name).ok
  if kind ~= wanted and kind ~= "none" then
    problem = "BADTYPE " .. name .. " holds a " .. kind .. " where a " .. wanted .. " belongs"
  end
end

local function read_points()
  local points = {}
  for position = 1, count() do
    local point = {time_text = argument(), value_text = argument(), context = argument()}
    point.time, point.value = tonumber(point.time_text), tonumber(point.value_text)
    if point.time > now + CLOCK_SKEW then
      point.time, point.time_text = now, text(now)
    end
    points[position] = point
  end
  return points
end

local function read_label()
  local label = {name = argument(), points = read_points()}
  label.keys = {
    count = key(), avg = key(), stdev = key(), min = key(), max = key(), total = key(), total_sq = key(),
    last_time = key(), last = key(), history = key(),
  }
  local at = label.keys
  local stored = redis.call(
    "MGET", at.count, at.avg, at.stdev, at.min, at.max, at.total, at.total_sq, at.last_time)
  local known, avg, stdev, min, max, total, total_sq, last_time = unpack(stored)
  label.avg = number(avg)
  label.count = label.avg and number(known) or 0
  label.stdev, label.min, label.max = number(stdev) or 0, number(min), number(max)
  label.total, label.total_sq = number(total) or 0, number(total_sq) or 0
  label.last_time = number(last_time)
  must_hold(at.history, "list")
  return label
end

local function read_context()
  return {key = key(), ttl = count(), bytes = argument()}
end

local KIND_OF = {HSET = "hash", ZADD = "zset", ZREM = "zset"}

local function read_write()
  local write = {key = key(), command = argument(), arguments = {}}
  for position = 1, count() do
    write.arguments[position] = argument()
  end
  if KIND_OF[write.command] then
    must_hold(write.key, KIND_OF[write.command])
  end
  return write
end

local function read_all(read_one)
  local all = {}
  for position = 1, count() do
    all[position] = read_one()
  end
  return all
end

must_hold(index, "zset")
must_hold(seen, "zset")
local labels = read_all(read_label)
local contexts = read_all(read_context)
local writes = {}
local first_write = count()
local status, replaceable
if first_write > 0 then
  local run = key()
  must_hold(run, "hash")
  status = not problem and redis.call("HGET", run, "status")
  replaceable = argument()
  for position = 1, first_write do
    writes[position] = read_write()
  end
end
if problem then
  return redis.error_reply(problem)
end

-- Writing.

local function set(name, value)
  redis.call("SET", name, value, "EX", label_ttl)
end

-- Welford's update (Knuth, TAOCP 2, 4.2.2). M2 is rebuilt from the sample standard deviation, so that the
-- nine numbers are all that is stored; sums of squares give NaN for a thousand values of 1e6 +- 1e-3.
local function add_numbers(label)
  local known, mean, m2 = label.count, 0, 0
  local min, max, total, total_sq = nil, nil, 0, 0
  if known > 0 then
    mean, m2 = label.avg, label.stdev * label.stdev * (known - 1)
    min, max, total, total_sq = label.min, label.max, label.total, label.total_sq
  end
  for _, point in ipairs(label.points) do
    local value = point.value
    local distance = value - mean
    known = known + 1
    mean = mean + distance / known
    m2 = m2 + distance * (value - mean)
    total, total_sq = total + value, total_sq + value * value
    min = min and math.min(min, value) or value
    max = max and math.max(max, value) or value
  end
  local at = label.keys
  set(at.count, text(known))
  set(at.avg, text(mean))
  set(at.stdev, known > 1 and text(math.sqrt(m2 / (known - 1))) or "0")
  set(at.min, text(min))
  set(at.max, text(max))
  set(at.total, text(total))
  set(at.total_sq, text(total_sq))
end

local function time_of(entry)
  return tonumber(string.match(entry, "^[^;]*")) or 0
end

-- Inserts before the first entry that is not newer, looking from the head in growing steps: a late point
-- is nearly always late by little, and a whole history of 1000 takes 0.3 ms to read.
local function insert(history, time, entry)
  local from, step = 0, 8
  while true do
    local entries = redis.call("LRANGE", history, from, from + step - 1)
    for _, stored in ipairs(entries) do
      if time_of(stored) <= time then
        redis.call("LINSERT", history, "BEFORE", stored, entry)
        return
      end
    end
    if #entries < step then
      redis.call("RPUSH", history, entry)
      return
    end
    from, step = from + step, step * 4
  end
end

local function add_history(label)
  local at, length, head = label.keys, nil, nil
  local newest = label.last_time
  for _, point in ipairs(label.points) do
    local entry = point.time_text .. ";" .. point.value_text .. ";" .. point.context
    if newest and point.time < newest then
      insert(at.history, point.time, entry)
    else
      length = redis.call("LPUSH", at.history, entry)
      newest, head = point.time, point
    end
  end
  if not length or length > history_size then
    redis.call("LTRIM", at.history, 0, history_size - 1)
  end
  redis.call("EXPIRE", at.history, label_ttl)
  if head then
    set(at.last, head.value_text)
    set(at.last_time, head.time_text)
  else
    redis.call("EXPIRE", at.last, label_ttl)
    redis.call("EXPIRE", at.last_time, label_ttl)
  end
end

-- At most 100 forgotten labels a call: enough to keep up, too few to be felt.
local function prune()
  local unseen = redis.call("ZRANGEBYSCORE", seen, "-inf", text(now - tonumber(label_ttl)), "LIMIT", 0, 100)
  if #unseen > 0 then
    redis.call("ZREM", index, unpack(unseen))
    redis.call("ZREM", seen, unpack(unseen))
  end
end

local listed, reported, now_text = {}, {}, text(now)
for _, label in ipairs(labels) do
  add_numbers(label)
  add_history(label)
  listed[#listed + 1], listed[#listed + 2] = "1", label.name
  reported[#reported + 1], reported[#reported + 2] = now_text, label.name
end
if #listed > 0 then
  redis.call("ZADD", index, unpack(listed))
  redis.call("ZADD", seen, unpack(reported))
  prune()
end

-- A context's life is only extended; EXPIRE's own GT would need Redis 7.
for _, context in ipairs(contexts) do
  if not redis.call("SET", context.key, context.bytes, "NX", "EX", context.ttl) then
    local left = redis.call("TTL", context.key)
    if left >= 0 and left < context.ttl then
      redis.call("EXPIRE", context.key, context.ttl)
    end
  end
end

-- A final status replaces "crashed", never the other way round.
if not status or string.find(replaceable, status, 1, true) then
  for _, write in ipairs(writes) do
    redis.call(write.command, write.key, unpack(write.arguments))
  end
end

if cursor then
  redis.call("SET", cursor, cursor_to, "EX", cursor_ttl)
end
return {1, cursor_to}
