-- push: adds a batch of points to the statistics and histories of their labels, with their contexts and further
-- changes. The batch is applied completely or not at all: every check precedes the first write.
--
-- KEYS  INDEX, SEEN,
--       CURSOR                                    (only with a producer)
--       per label: COUNT AVG STDEV MIN MAX TOTAL TOTAL_SQ LAST_TIME LAST HISTORY
--       per context: CONTEXTS::id
--       RUN, and per further write: its key       (only with further writes)
-- ARGV  history_size, label_ttl (seconds),
--       cursor_from, cursor_to, cursor_ttl (seconds); cursor_from is empty without a producer,
--       doubt: empty unless the server lost the cursor, so that points may have been applied before. Otherwise the
--           maximum difference in seconds between the times of a point in two attempts to deliver it,
--       name_at: position of the label in a HISTORY key, in bytes from 1,
--       labels (number), per label: its points, oldest first, as lines of "timestamp;value;context_id"
--           (timestamp in epoch seconds),
--       contexts (number), per context: ttl (seconds), bytes,
--       writes (number), and if there are any: replaceable (statuses of the run that they may replace),
--           per write: command, number of arguments, arguments. Times of a run that are ahead of this server are
--           moved back, and the score `+inf` becomes the server's time.
-- Returns {1, cursor_to} if the batch was applied, {0, cursor} if the producer's cursor is at another position.
-- Raises BADTYPE if a key holds another type, TOOMANY if the batch is too large; then nothing was written.

-- A batch spends half of its time in the script itself, the other half in commands. Therefore the data of all labels
-- is in shared flat lists, and no table is created per label or point.

local KEYS, ARGV = KEYS, ARGV
local call, try = redis.call, redis.pcall
local find, format, match, sub, sqrt = string.find, string.format, string.match, string.sub, math.sqrt
local tonumber, unpack = tonumber, unpack
local KEYS_OF_LABEL = 10
local CLOCK_SKEW = 300
-- Maximum number of values per command: unpack() fails for 8000 or more. The limit is checked before the first write.
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
local doubt = count()
local name_at = count()

local seconds, microseconds = unpack(call("TIME"))
local now = tonumber(seconds) + tonumber(microseconds) / 1e6

local function text(number)
  return format("%.17g", number)
end

-- `value - value` is nan for infinities and for nan.
local function is_finite(value)
  return value - value == 0
end

-- A sum or a mean that exceeds the range of a double becomes the largest double.
local function bounded(value)
  return format("%.17g", is_finite(value) and value or value > 0 and LARGEST or -LARGEST)
end

-- Returns a stored number; nil if it is absent, or another writer stored something that is not a finite number.
local function parse_checked(stored)
  local value = stored and tonumber(stored)
  return value and is_finite(value) and value or nil
end

-- Like parse_checked, but raises an error for text. `+ 0` parses a number once, and tonumber() parses it twice, which
-- takes 2,200 instructions for 17 digits.
local function parse_fast(stored)
  local value = stored and stored + 0
  return value and is_finite(value) and value or nil
end
local number = parse_fast

local cursor
if cursor_from ~= "" then
  cursor = key()
  local position = call("GET", cursor) or "0"
  if position ~= cursor_from then
    return {0, position}
  end
end

-- Read, check and compute. Nothing is written before the section "Write".

local problem
local function check_type(name, expected)
  local kind = call("TYPE", name).ok
  if kind ~= expected and kind ~= "none" then
    problem = "BADTYPE " .. name .. " holds a " .. kind .. " where a " .. expected .. " belongs"
  end
end

-- MGET returns nil for a key of another type as well as for an absent one. EXISTS distinguishes them: one call with
-- the keys of all labels costs less than one TYPE per label.
local unread
local function mark_unread(first)
  for position = first, first + KEYS_OF_LABEL - 1 do
    unread[#unread + 1] = KEYS[position]
  end
end

local function check_unread()
  if #unread == 0 or call("EXISTS", unpack(unread)) == 0 then
    return
  end
  for position, name in ipairs(unread) do
    check_type(name, position % KEYS_OF_LABEL == 0 and "list" or "string")
  end
end

-- The numbers to write, as lists of alternating keys and values.
local number_lists, numbers, size
local function set(first, count_text, avg, stdev, min, max, total, total_sq, last_time, last)
  if size >= MOST_VALUES - 2 * KEYS_OF_LABEL then
    numbers, size = {}, 0
    number_lists[#number_lists + 1] = numbers
  end
  local list, at = numbers, size
  list[at + 1], list[at + 2] = KEYS[first], count_text
  list[at + 3], list[at + 4] = KEYS[first + 1], avg
  list[at + 5], list[at + 6] = KEYS[first + 2], stdev
  list[at + 7], list[at + 8] = KEYS[first + 3], min
  list[at + 9], list[at + 10] = KEYS[first + 4], max
  list[at + 11], list[at + 12] = KEYS[first + 5], total
  list[at + 13], list[at + 14] = KEYS[first + 6], total_sq
  list[at + 15], list[at + 16] = KEYS[first + 7], last_time
  list[at + 17], list[at + 18] = KEYS[first + 8], last
  size = at + 18
end

-- The points of one label, oldest first. All labels reuse these lists.
local entries, times, time_texts, values, value_texts = {}, {}, {}, {}, {}
local function read_points(lines)
  local points, at, last = 0, 1, #lines
  repeat
    local _, stop, time_text, value_text = find(lines, "^([^;]*);([^;]*);[^\n]*", at)
    local entry, time = sub(lines, at, stop), time_text + 0
    if time > now + CLOCK_SKEW then
      entry, time, time_text = text(now) .. sub(entry, #time_text + 1), now, text(now)
    end
    points = points + 1
    entries[points], times[points], time_texts[points] = entry, time, time_text
    values[points], value_texts[points] = value_text + 0, value_text
    at = stop + 2
  until at > last
  return points
end

-- The square of a value above 1e154 exceeds the range of a double, and below 1e-154 it loses precision. Such values
-- are scaled by a power of two, which is exact.
local function scale_of(largest)
  if largest > 1e150 then
    return 2 ^ -600
  end
  return largest > 0 and largest < 1e-130 and 2 ^ 600 or 1
end

-- Welford's update (Knuth, TAOCP 2, 4.2.2). M2 is recomputed from the sample standard deviation, so that the nine
-- numbers are sufficient. Sums of squares would give NaN for a thousand values of 1e6 +- 1e-3.
local function moments(points, n, avg, stdev, scale)
  local mean, m2 = 0, 0
  if n > 0 then
    mean, m2 = avg * scale, (stdev * scale) ^ 2 * (n - 1)
  end
  for point = 1, points do
    local value = values[point] * scale
    local distance = value - mean
    n = n + 1
    mean = mean + distance / n
    m2 = m2 + distance * (value - mean)
  end
  local deviation = m2 > 0 and bounded(sqrt(m2 / (n - 1)) / scale) or "0"
  return format("%d", n), n == 1 and value_texts[1] or bounded(mean / scale), deviation
end

-- Returns the scale for `moments`, and minimum, maximum, total and sum of squares as text.
-- `stored` holds the stored numbers of all labels, in the order of their keys; `offset` precedes those of this label.
local function sums(points, n, stored, offset)
  local min_text, max_text, total_text = stored[offset + 4], stored[offset + 5], nil
  local min, max, total, total_sq
  if n > 0 then
    min, max = number(min_text), number(max_text)
    total, total_sq = number(stored[offset + 6]) or 0, number(stored[offset + 7]) or 0
  else
    total, total_sq = 0, 0
    total_text = points == 1 and value_texts[1]
  end
  for point = 1, points do
    local value = values[point]
    total, total_sq = total + value, total_sq + value * value
    if not min or value < min then
      min, min_text = value, value_texts[point]
    end
    if not max or value > max then
      max, max_text = value, value_texts[point]
    end
  end
  return scale_of(-min > max and -min or max), min_text, max_text, total_text or bounded(total), bounded(total_sq)
end

-- `fresh`: entries to prepend to the histories, in the order of the labels; `ends`: the last position of each label.
-- `late`: history, time and entry of each point that is older than the head of its history.
local fresh, ends, late, fresh_count
-- Adds points to `fresh` or `late`. Returns time and value of the newest entry, for LAST_TIME and LAST.
local function split_late(points, history, newest, last_time, last)
  for point = 1, points do
    local time = times[point]
    if newest and time < newest then
      local at = #late
      late[at + 1], late[at + 2], late[at + 3] = history, time, entries[point]
    else
      fresh_count = fresh_count + 1
      fresh[fresh_count] = entries[point]
      newest, last_time, last = time, time_texts[point], value_texts[point]
    end
  end
  ends[#ends + 1] = fresh_count
  return last_time, last
end

local function time_of(entry)
  return tonumber(match(entry, "^[^;]*")) or 0
end

local function any_stored(stored, offset)
  for position = offset + 1, offset + KEYS_OF_LABEL - 1 do
    if stored[position] then
      return true
    end
  end
  return false
end

-- Removes the points that the label's history already contains, and returns the number of the others. A server that
-- evicts keys may lose a cursor and keep the labels, so each label shows which points were applied to it. If a label
-- was lost in part, its points count as applied: a full history does not contain older points, and numbers without a
-- history do not identify any.
local function unapplied(history, points, stored, offset)
  local held = call("LRANGE", history, 0, -1)
  if #held == 0 then
    return any_stored(stored, offset) and 0 or points
  end
  -- Times by the rest of the entry: value and context.
  local held_at = {}
  for _, entry in ipairs(held) do
    local rest = match(entry, ";.*") or ""
    local at = held_at[rest] or {}
    at[#at + 1] = time_of(entry)
    held_at[rest] = at
  end
  local function is_held(entry, time)
    -- A point ahead of this clock is stored with the time at which it arrived.
    local within = time == now and math.huge or doubt
    for _, at in ipairs(held_at[match(entry, ";.*") or ""] or {}) do
      if math.abs(at - time) <= within then
        return true
      end
    end
    return false
  end
  local oldest, left = #held >= history_size and time_of(held[#held]), 0
  for point = 1, points do
    local entry, time = entries[point], times[point]
    if not is_held(entry, time) and not (oldest and time < oldest) then
      left = left + 1
      entries[left], times[left], time_texts[left] = entry, time, time_texts[point]
      values[left], value_texts[left] = values[point], value_texts[point]
    end
  end
  return left
end

local function compute_label(first, points, stored, offset)
  if doubt then
    points = unapplied(KEYS[first + 9], points, stored, offset)
    if points == 0 then
      ends[#ends + 1] = fresh_count
      return
    end
  end
  local avg, stdev, last_time, last = stored[offset + 2], stored[offset + 3], stored[offset + 8], stored[offset + 9]
  avg, stdev = number(avg), number(stdev) or 0
  local n = avg and number(stored[offset + 1]) or 0
  local newest = n > 0 and last and number(last_time) or nil
  local scale, min, max, total, total_sq = sums(points, n, stored, offset)
  local count_text, mean, deviation = moments(points, n, avg, stdev, scale)
  last_time, last = split_late(points, KEYS[first + 9], newest, last_time, last)
  set(first, count_text, mean, deviation, min, max, total, total_sq, last_time, last)
end

local function all_stored(stored, offset)
  for position = offset + 1, offset + KEYS_OF_LABEL - 1 do
    if not stored[position] then
      return false
    end
  end
  return true
end

local labels = count()
local first_label = next_key + 1
if labels > MOST_LABELS then
  error("TOOMANY labels in one batch: " .. labels .. ", at most " .. MOST_LABELS)
end

local function compute_all(stored, first_argument)
  numbers, size, unread, fresh, ends, late, fresh_count = {}, 0, {}, {}, {}, {}, 0
  number_lists = {numbers}
  next_argument = first_argument - 1
  for offset = 0, (labels - 1) * KEYS_OF_LABEL, KEYS_OF_LABEL do
    if not all_stored(stored, offset) then
      mark_unread(first_label + offset)
    end
    compute_label(first_label + offset, read_points(argument()), stored, offset)
  end
end

if labels > 0 then
  local stored = call("MGET", unpack(KEYS, first_label, next_key + labels * KEYS_OF_LABEL))
  local first_argument = next_argument + 1
  if not pcall(compute_all, stored, first_argument) then
    number = parse_checked
    compute_all(stored, first_argument)
  end
  next_key = next_key + labels * KEYS_OF_LABEL
  check_unread()
end

local function read_contexts()
  local contexts = {}
  for position = 1, count() do
    contexts[position] = {key = key(), ttl = count(), bytes = argument()}
  end
  return contexts
end

local KIND_OF = {HSET = "hash", ZADD = "zset", ZREM = "zset"}

local function is_ahead(time)
  return time and time > now + CLOCK_SKEW
end

-- If a run's start is ahead of this server's clock, it is set to the time of the first report; `shift` is the
-- difference in seconds. Returns the fields of a run with shifted times.
local shift = 0
local function move_times(run, fields)
  local positions = {}
  for position = 1, #fields, 2 do
    positions[fields[position]] = position + 1
  end
  local started, finished = positions.started, positions.finished
  local began = started and tonumber(fields[started])
  if is_ahead(began) then
    local stored = parse_checked(call("HGET", run, "started"))
    shift = (stored and not is_ahead(stored) and stored or now) - began
    fields[started] = text(began + shift)
  end
  if finished and is_ahead(tonumber(fields[finished])) then
    fields[finished] = text(math.min(now, tonumber(fields[finished]) + shift))
  end
  return fields
end

-- Returns the score of a member: a time of the run, or the server's time for `+inf`.
local function score_of(value)
  local score = tonumber(value)
  if score == math.huge then
    return text(now)
  end
  return is_ahead(score) and text(math.min(now, score + shift)) or value
end

local function read_write(run)
  local write = {key = key(), command = argument(), arguments = {}}
  local arguments = count()
  if arguments > MOST_VALUES then
    error("TOOMANY arguments of " .. write.command .. ": " .. arguments .. ", at most " .. MOST_VALUES)
  end
  for position = 1, arguments do
    write.arguments[position] = argument()
  end
  if KIND_OF[write.command] then
    check_type(write.key, KIND_OF[write.command])
  end
  if write.command == "HSET" and write.key == run and not problem then
    write.arguments = move_times(run, write.arguments)
  elseif write.command == "ZADD" then
    write.arguments[1] = score_of(write.arguments[1])
  end
  return write
end

check_type(index, "zset")
check_type(seen, "zset")
local contexts = read_contexts()
local writes = {}
local write_count = count()
local status, replaceable
if write_count > 0 then
  local run = key()
  check_type(run, "hash")
  status = not problem and call("HGET", run, "status")
  replaceable = argument()
  for position = 1, write_count do
    writes[position] = read_write(run)
  end
end
-- MSETEX (Valkey 9.1, Redis 8.4) writes 900 numbers in a third of the time of 900 SETs.
local version = redis.VALKEY_VERSION_NUM or 0
local has_msetex = version >= 0x090100 or (version == 0 and (redis.REDIS_VERSION_NUM or 0) >= 0x080400)

-- acl_check_cmd raises an error for a command that the server's configuration renamed or disabled.
local function is_allowed(...)
  if not redis.acl_check_cmd then
    return true
  end
  local is_command, answer = pcall(redis.acl_check_cmd, ...)
  return is_command and answer
end

-- Without this check, a user who lacks the permission for one command would write only part of a batch. The server
-- checks the keys when it starts the script, so one check per command is enough. Redis before 7 cannot check.
local function check_permission(...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(...) then
    problem = "NOPERM this user has no permission for the command " .. select(1, ...)
  end
end

if labels > 0 then
  local one, history = KEYS[first_label], KEYS[first_label + KEYS_OF_LABEL - 1]
  check_permission("LPUSH", history, "")
  check_permission("LPOP", history, "1")
  check_permission("RPUSH", history, "")
  check_permission("LINDEX", history, "-1")
  check_permission("LRANGE", history, "0", "1")
  check_permission("LTRIM", history, "0", "1")
  check_permission("EXPIRE", history, "1")
  check_permission("ZADD", index, "1", "")
  check_permission("ZREM", index, "")
  check_permission("ZRANGEBYSCORE", seen, "0", "1")
  -- Permissions that were granted before the server supported MSETEX do not include it.
  has_msetex = has_msetex and is_allowed("MSETEX", "1", one, "", "EX", "1")
  if not has_msetex then
    check_permission("SET", one, "")
  end
end
if contexts[1] then
  check_permission("SET", contexts[1].key, "")
  check_permission("TTL", contexts[1].key)
  check_permission("EXPIRE", contexts[1].key, "1")
end
for _, write in ipairs(writes) do
  check_permission(write.command, write.key, unpack(write.arguments))
end
if cursor then
  check_permission("SET", cursor, "")
end
if problem then
  return redis.error_reply(problem)
end

-- Write.

local function write_numbers(list)
  local last = #list
  if last > 0 and has_msetex then
    list[last + 1], list[last + 2] = "EX", label_ttl
    call("MSETEX", last / 2, unpack(list))
  else
    for position = 1, last, 2 do
      call("SET", list[position], list[position + 1], "EX", label_ttl)
    end
  end
end

local function append(history, first, last)
  local length = 0
  for point = last, first, -3 do
    length = call("RPUSH", history, late[point + 2])
  end
  if length > history_size then
    call("LTRIM", history, 0, history_size - 1)
  end
end

-- Merges a label's late points, `late[first]` to `late[last]`, into its history. Reads the entries newer than the
-- oldest of them from the head in growing steps, removes them, and pushes them again with the late points in order.
-- Inserting each point separately blocked the server for more than 5 s (two writers, 10 labels of 1000 points each).
-- If all points are older than the history, they are appended: undelivered spools arrive newest run first.
local function merge(history, first, last)
  local tail = call("LINDEX", history, -1)
  if tail and time_of(tail) > late[last + 1] then
    append(history, first, last)
    return
  end
  local stored, stored_times, depth, step = {}, {}, 0, 8
  local oldest, is_found, read = late[first + 1], false, nil
  repeat
    read = call("LRANGE", history, depth, depth + step - 1)
    for _, entry in ipairs(read) do
      local time = time_of(entry)
      is_found = time <= oldest
      if is_found then
        break
      end
      depth = depth + 1
      stored[depth], stored_times[depth] = entry, time
    end
    local is_end = is_found or #read < step
    step = step * 4
  until is_end
  -- Omit points that would be behind the last entry of a full history.
  while first <= last and depth >= history_size and late[first + 1] < stored_times[history_size] do
    first = first + 3
  end
  if first > last then
    return
  end
  while depth > 0 and stored_times[depth] <= late[first + 1] do
    depth = depth - 1
  end
  local merged, point = {}, last
  local slot = depth + (last - first) / 3 + 1
  local total = slot
  for position = 1, depth do
    while point >= first and stored_times[position] <= late[point + 1] do
      merged[slot] = late[point + 2]
      slot, point = slot - 1, point - 3
    end
    merged[slot] = stored[position]
    slot = slot - 1
  end
  while point >= first do
    merged[slot] = late[point + 2]
    slot, point = slot - 1, point - 3
  end
  call("LTRIM", history, depth, -1)
  for start = 1, total, MOST_VALUES do
    call("LPUSH", history, unpack(merged, start, math.min(total, start + MOST_VALUES - 1)))
  end
  call("LTRIM", history, 0, history_size - 1)
  call("EXPIRE", history, label_ttl)
end

local function write_late()
  local first = 1
  while late[first] do
    local last = first
    while late[last + 3] == late[first] do
      last = last + 3
    end
    merge(late[first], first, last)
    first = last + 3
  end
end

local function history_of(position)
  return KEYS[first_label + position * KEYS_OF_LABEL - 1]
end

-- Returns a history's length, or the server's error.
local function push(history, from, to)
  local length = 0
  for start = from, to, MOST_VALUES do
    length = try("LPUSH", history, unpack(fresh, start, math.min(to, start + MOST_VALUES - 1)))
  end
  return length
end

local function undo_push(last)
  local from = 0
  for position = 1, last do
    local pushed = ends[position] - from
    from = ends[position]
    if pushed > 0 then
      call("LPOP", history_of(position), pushed)
    end
  end
end

-- Checking the type of each history beforehand would take 5 % of the time. Instead, LPUSH detects a wrong type, and
-- the entries pushed before are removed again. Returns the lengths, or nil and the error.
local function push_all()
  local lengths, from = {}, 1
  for position = 1, labels do
    local length = push(history_of(position), from, ends[position])
    if type(length) == "table" or ends[position] < from then
      check_type(history_of(position), "list")
    end
    if type(length) == "table" or problem then
      undo_push(position - 1)
      return nil, problem and redis.error_reply(problem) or length
    end
    lengths[position] = length
    from = ends[position] + 1
  end
  return lengths
end

-- Removes at most 100 expired labels, which limits the time of the call.
local function prune()
  local unseen = call("ZRANGEBYSCORE", seen, "-inf", text(now - tonumber(label_ttl)), "LIMIT", 0, 100)
  if #unseen > 0 then
    call("ZREM", index, unpack(unseen))
    call("ZREM", seen, unpack(unseen))
  end
end

local function write_labels(lengths)
  for _, list in ipairs(number_lists) do
    write_numbers(list)
  end
  local listed, reported, now_text = {}, {}, text(now)
  for position = 1, labels do
    local history = history_of(position)
    if lengths[position] > history_size then
      call("LTRIM", history, 0, history_size - 1)
    end
    call("EXPIRE", history, label_ttl)
    local name = sub(history, name_at)
    listed[position * 2 - 1], listed[position * 2] = "1", name
    reported[position * 2 - 1], reported[position * 2] = now_text, name
  end
  write_late()
  call("ZADD", index, unpack(listed))
  call("ZADD", seen, unpack(reported))
  prune()
  -- INDEX and SEEN expire after all of their labels.
  call("EXPIRE", index, label_ttl)
  call("EXPIRE", seen, label_ttl)
end

if labels > 0 then
  local lengths, refusal = push_all()
  if not lengths then
    return refusal
  end
  write_labels(lengths)
end

-- The lifetime of a context is only extended; EXPIRE's option GT requires Redis 7.
for _, context in ipairs(contexts) do
  if not call("SET", context.key, context.bytes, "NX", "EX", context.ttl) then
    local left = call("TTL", context.key)
    if left >= 0 and left < context.ttl then
      call("EXPIRE", context.key, context.ttl)
    end
  end
end

-- A final status replaces "crashed", but "crashed" does not replace a final status.
if not status or string.find(replaceable, status, 1, true) then
  for _, write in ipairs(writes) do
    call(write.command, write.key, unpack(write.arguments))
  end
end

if cursor then
  call("SET", cursor, cursor_to, "EX", cursor_ttl)
end
return {1, cursor_to}
