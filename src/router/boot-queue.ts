// The script that has requests wait in HAProxy until their app is up (pure). It runs in HAProxy, as Lua: it reads the modes
// that the runtime API changes, and tells the daemon of requests to sleeping apps.

import { join } from 'node:path';
import { MODES_MAP, WAKE_SOCKET } from './settings.js';

/** Its file beside the configuration. */
export const BOOT_QUEUE_SCRIPT = 'boot-queue.lua';
/** Seconds that a request waits for a dyno to boot (as long as Heroku's), and requests of one app that may wait at once. */
const BOOT_QUEUE = { seconds: 75, requests: 200 };

/** The script; it registers the action `lua.wait_for_dyno`. */
export function bootQueueScript(dir: string): string {
  return `-- Lets a request wait until its app is neither "booting" nor "asleep", and has the daemon wake a sleeping one.
local modes = Map.new("${join(dir, MODES_MAP)}", Map._str)
local waiting = {}
local asked = {}

local function seconds()
  local now = core.now()
  return now.sec + now.usec / 1000000
end

-- One of all requests that wait for an app asks, again each second: the daemon may be away.
local function ask(app, now)
  if now - (asked[app] or 0) < 1 then return end
  asked[app] = now
  local socket = core.tcp()
  socket:settimeout(1)
  if socket:connect("unix@${join(dir, WAKE_SOCKET)}") then socket:send(app .. "\\n") end
  socket:close()
end

-- HAProxy ends a wait without a word when its client has left: who was not seen for two seconds waits no more.
local function waits(app, now)
  local count = 0
  for place, seen in pairs(waiting[app]) do
    if now - seen > 2 then waiting[app][place] = nil else count = count + 1 end
  end
  return count
end

core.register_action("wait_for_dyno", { "http-req" }, function(txn)
  local app = txn:get_var("txn.app")
  local start = seconds()
  local now = start
  local place = {}
  waiting[app] = waiting[app] or {}
  if waits(app, now) >= ${BOOT_QUEUE.requests} then return end
  local mode = modes:lookup(app)
  -- A stopped worker learns of no change; the newest one goes on waiting.
  while (mode == "booting" or mode == "asleep") and now - start < ${BOOT_QUEUE.seconds} and txn.f:stopping() == 0 do
    waiting[app][place] = now
    if mode == "asleep" then ask(app, now) end
    core.msleep(now - start < 5 and 20 or 200)
    mode = modes:lookup(app)
    now = seconds()
    waiting[app] = waiting[app] or {}
  end
  waiting[app][place] = nil
  if next(waiting[app]) == nil then
    waiting[app] = nil
    asked[app] = nil
  end
end)
`;
}
