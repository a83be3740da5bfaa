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
--       name_at: where in a HISTORY key its label begins, counted in bytes from 1,
--       labels, per label: its points, oldest first, as lines of "timestamp;value;context_id"
--           (timestamp in epoch seconds),
--       contexts, per context: ttl (seconds), bytes,
--       writes, and if there are any: replaceable (the run's statuses that they may replace),
--           per write: command, number of arguments, arguments
-- Returns {1, cursor_to} when applied, {0, cursor} when the producer's cursor stands elsewhere.
-- Errors with BADTYPE when a key of ours holds another type, with TOOMANY when a batch is too large; then nothing
-- was written.

local call = redis.call
local KEYS_OF_LABEL = 10
local CLOCK_SKEW = 300
-- unpack() fails from 8000 values on: here before anything is written, not in the middle of it.
local MOST_VALUES = 7000
local MOST_LABELS = MOST_VALUES / KEYS_OF_LABEL
local LARGEST = 1.7976931348623157e308

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
local name_at = count()

local seconds, microseconds = unpack(call("TIME"))
local now = tonumber(seconds) + tonumber(microseconds) / 1e6

local function text(number)
  return string.format("%.17g", number)
end

-- What an older writer left as nan or inf counts as absent.
local function number(stored)
  local value = stored and tonumber(stored)
  if value and value >= -LARGEST and value <= LARGEST then
    return value
  end
end

local cursor
if cursor_from ~= "" then
  cursor = key()
  local stands = call("GET", cursor) or "0"
  if stands ~= cursor_from then
    return {0, stands}
  end
end

-- Reading and checking: nothing is written before the line that says so.

local problem
local function must_hold(name, wanted)
  local kind = call("TYPE", name).ok
  if kind ~= wanted and kind ~= "none" then
    problem = "BADTYPE " .. name .. " holds a " .. kind .. " where a " .. wanted .. " belongs"
  end
end

local function read_points()
  local points = {}
  for entry, time_text, value in string.gmatch(argument(), "(([^;\n]*);([^;\n]*);[^\n]*)") do
    local time = tonumber(time_text)
    if time > now + CLOCK_SKEW then
      entry, time, time_text = text(now) .. string.sub(entry, #time_text + 1), now, text(now)
    end
    points[#points + 1] = {
      entry = entry, time = time, time_text = time_text, value_text = value, value = tonumber(value),
    }
  end
  return points
end

-- MGET answers nothing for a key of another type as well as for an absent one: those it answers nothing for
-- are asked for once more, all labels' keys together, since one such call costs less than a TYPE a label.
local unread = {}
local function mark_unread(label)
  for position = label.first, label.first + KEYS_OF_LABEL - 1 do
    unread[#unread + 1] = KEYS[position]
  end
end

local function read_head(label)
  local head = redis.pcall("LINDEX", label.history, 0)
  if type(head) == "table" then
    must_hold(label.history, "list")
  elseif head then
    label.head_time, label.head_value = string.match(head, "^([^;]*);([^;]*)")
    label.newest = tonumber(label.head_time)
  end
end

-- The `stored` values are those of all labels, in the order of their keys; `offset` is this label's first.
local function read_label(stored, offset)
  local label = {first = next_key + 1, points = read_points()}
  next_key = next_key + KEYS_OF_LABEL
  label.history = KEYS[next_key]
  local known, avg = stored[offset + 1], stored[offset + 2]
  local stdev, total_sq, last_time, last = stored[offset + 3], stored[offset + 7], stored[offset + 8], stored[offset + 9]
  label.min_text, label.max_text, label.total_text = stored[offset + 4], stored[offset + 5], stored[offset + 6]
  if not (known and avg and stdev and label.min_text and label.max_text and label.total_text and total_sq
      and last_time and last) then
    mark_unread(label)
  end
  if known or last then
    read_head(label)
  end
  label.avg = number(avg)
  label.count = label.avg and number(known) or 0
  label.stdev, label.total_sq = number(stdev) or 0, number(total_sq) or 0
  label.min, label.max, label.total = number(label.min_text), number(label.max_text), number(label.total_text)
  return label
end

local function check_unread()
  if #unread == 0 or call("EXISTS", unpack(unread)) == 0 then
    return
  end
  for position, name in ipairs(unread) do
    must_hold(name, position % KEYS_OF_LABEL == 0 and "list" or "string")
  end
end

local function read_labels()
  local labels, size = {}, count()
  if size == 0 then
    return labels
  end
  if size > MOST_LABELS then
    error("TOOMANY labels in one batch: " .. size .. ", at most " .. MOST_LABELS)
  end
  local stored = call("MGET", unpack(KEYS, next_key + 1, next_key + size * KEYS_OF_LABEL))
  for position = 1, size do
    labels[position] = read_label(stored, (position - 1) * KEYS_OF_LABEL)
  end
  check_unread()
  return labels
end

local function read_contexts()
  local contexts = {}
  for position = 1, count() do
    contexts[position] = {key = key(), ttl = count(), bytes = argument()}
  end
  return contexts
end

local KIND_OF = {HSET = "hash", ZADD = "zset", ZREM = "zset"}

local function read_write()
  local write = {key = key(), command = argument(), arguments = {}}
  local arguments = count()
  if arguments > MOST_VALUES then
    error("TOOMANY arguments of " .. write.command .. ": " .. arguments .. ", at most " .. MOST_VALUES)
  end
  for position = 1, arguments do
    write.arguments[position] = argument()
  end
  if KIND_OF[write.command] then
    must_hold(write.key, KIND_OF[write.command])
  end
  return write
end

must_hold(index, "zset")
must_hold(seen, "zset")
local labels = read_labels()
local contexts = read_contexts()
local writes = {}
local write_count = count()
local status, replaceable
if write_count > 0 then
  local run = key()
  must_hold(run, "hash")
  status = not problem and call("HGET", run, "status")
  replaceable = argument()
  for position = 1, write_count do
    writes[position] = read_write()
  end
end
if problem then
  return redis.error_reply(problem)
end

-- Writing.

-- Numbers are gathered and written together where the server knows how (Valkey 9.1, Redis 8.4): 900 of them
-- take a third of the time of 900 SETs.
local version = redis.VALKEY_VERSION_NUM or 0
local sets_together = version >= 0x090100 or (version == 0 and (redis.REDIS_VERSION_NUM or 0) >= 0x080400)
local gathered, size = {}, 0

local function write_gathered()
  if size > 0 and sets_together then
    gathered[size + 1], gathered[size + 2] = "EX", label_ttl
    call("MSETEX", size / 2, unpack(gathered, 1, size + 2))
  else
    for position = 1, size, 2 do
      call("SET", gathered[position], gathered[position + 1], "EX", label_ttl)
    end
  end
  size = 0
end

local function set(position, value)
  gathered[size + 1], gathered[size + 2] = KEYS[position], value
  size = size + 2
  if size >= MOST_VALUES then
    write_gathered()
  end
end

local function bounded(value)
  return math.max(-LARGEST, math.min(LARGEST, value))
end

local function add_sums(label)
  local min, max, total, total_sq = label.min, label.max, label.total or 0, label.total_sq
  local min_text, max_text, total_text = label.min_text, label.max_text, nil
  if label.count == 0 then
    min, max, total, total_sq = nil, nil, 0, 0
    total_text = #label.points == 1 and label.points[1].value_text
  end
  for _, point in ipairs(label.points) do
    local value = point.value
    total, total_sq = total + value, total_sq + value * value
    if not min or value < min then
      min, min_text = value, point.value_text
    end
    if not max or value > max then
      max, max_text = value, point.value_text
    end
  end
  label.largest = math.max(-min, max)
  set(label.first + 3, min_text)
  set(label.first + 4, max_text)
  set(label.first + 5, total_text or text(bounded(total)))
  set(label.first + 6, text(bounded(total_sq)))
end

-- Squares leave the range of a double beyond 1e154 and below 1e-154: there all is scaled by a power of two,
-- which loses nothing.
local function scale_of(largest)
  if largest > 1e150 then
    return 2 ^ -600
  end
  return largest > 0 and largest < 1e-130 and 2 ^ 600 or 1
end

-- Welford's update (Knuth, TAOCP 2, 4.2.2). M2 is rebuilt from the sample standard deviation, so that the
-- nine numbers are all that is stored; sums of squares give NaN for a thousand values of 1e6 +- 1e-3.
local function add_moments(label)
  local scale, known = scale_of(label.largest), label.count
  local mean, m2 = 0, 0
  if known > 0 then
    mean, m2 = label.avg * scale, (label.stdev * scale) ^ 2 * (known - 1)
  end
  for _, point in ipairs(label.points) do
    local value = point.value * scale
    local distance = value - mean
    known = known + 1
    mean = mean + distance / known
    m2 = m2 + distance * (value - mean)
  end
  set(label.first, text(known))
  set(label.first + 1, known == 1 and label.points[1].value_text or text(bounded(mean / scale)))
  set(label.first + 2, m2 > 0 and text(bounded(math.sqrt(m2 / (known - 1)) / scale)) or "0")
end

local function time_of(entry)
  return tonumber(string.match(entry, "^[^;]*")) or 0
end

-- Inserts before the first entry that is not newer, looking from the head in growing steps: a late point
-- is nearly always late by little, and a whole history of 1000 takes 0.3 ms to read. One that is older than
-- all goes to the end: leftover spools come newest run first.
local function insert(history, time, entry)
  local oldest = call("LINDEX", history, -1)
  if oldest and time_of(oldest) > time then
    call("RPUSH", history, entry)
    return
  end
  local from, step = 0, 8
  while true do
    local entries = call("LRANGE", history, from, from + step - 1)
    for _, stored in ipairs(entries) do
      if time_of(stored) <= time then
        call("LINSERT", history, "BEFORE", stored, entry)
        return
      end
    end
    if #entries < step then
      call("RPUSH", history, entry)
      return
    end
    from, step = from + step, step * 4
  end
end

local function add_history(label)
  local history, newest, length = label.history, label.newest, nil
  local fresh, late = {}, {}
  for _, point in ipairs(label.points) do
    if newest and point.time < newest then
      late[#late + 1] = point
    else
      fresh[#fresh + 1] = point.entry
      newest, label.head_time, label.head_value = point.time, point.time_text, point.value_text
    end
  end
  for first = 1, #fresh, MOST_VALUES do
    length = call("LPUSH", history, unpack(fresh, first, math.min(#fresh, first + MOST_VALUES - 1)))
  end
  for _, point in ipairs(late) do
    insert(history, point.time, point.entry)
    length = nil
  end
  if not length or length > history_size then
    call("LTRIM", history, 0, history_size - 1)
  end
  call("EXPIRE", history, label_ttl)
  set(label.first + 7, label.head_time)
  set(label.first + 8, label.head_value)
end

-- At most 100 forgotten labels a call: enough to keep up, too few to be felt.
local function prune()
  local unseen = call("ZRANGEBYSCORE", seen, "-inf", text(now - tonumber(label_ttl)), "LIMIT", 0, 100)
  if #unseen > 0 then
    call("ZREM", index, unpack(unseen))
    call("ZREM", seen, unpack(unseen))
  end
end

local listed, reported, now_text = {}, {}, text(now)
for position, label in ipairs(labels) do
  add_sums(label)
  add_moments(label)
  add_history(label)
  local name = string.sub(label.history, name_at)
  listed[position * 2 - 1], listed[position * 2] = "1", name
  reported[position * 2 - 1], reported[position * 2] = now_text, name
end
write_gathered()
if #listed > 0 then
  call("ZADD", index, unpack(listed))
  call("ZADD", seen, unpack(reported))
  prune()
end

-- A context's life is only extended; EXPIRE's own GT would need Redis 7.
for _, context in ipairs(contexts) do
  if not call("SET", context.key, context.bytes, "NX", "EX", context.ttl) then
    local left = call("TTL", context.key)
    if left >= 0 and left < context.ttl then
      call("EXPIRE", context.key, context.ttl)
    end
  end
end

-- A final status replaces "crashed", never the other way round.
if not status or string.find(replaceable, status, 1, true) then
  for _, write in ipairs(writes) do
    call(write.command, write.key, unpack(write.arguments))
  end
end

if cursor then
  call("SET", cursor, cursor_to, "EX", cursor_ttl)
end
return {1, cursor_to}
