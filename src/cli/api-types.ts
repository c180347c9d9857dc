// The parts of the API's replies that the commands read (shapes of the Heroku Platform API v3).

export interface ApiApp {
  id: string;
  name: string;
  git_url: string;
  web_url: string | null;
  maintenance: boolean;
  owner: { email: string };
  region: { name: string };
  stack: { name: string };
  created_at: string;
  released_at: string | null;
  repo_size: number | null;
  slug_size: number | null;
}

export interface ApiRelease {
  id: string;
  version: number;
  description: string;
  status: 'pending' | 'succeeded' | 'failed' | 'expired';
  current: boolean;
  created_at: string;
  user: { email: string };
  addon_plan_names: string[];
  eligible_for_rollback: boolean;
  undone_by: number | null;
  output_stream_url: string | null;
}

export interface ApiDyno {
  name: string;
  type: string;
  state: string;
  size: string;
  command: string;
  updated_at: string;
  attach_url: string | null;
  next_try_at?: string | null;
  release: { version: number };
}

export interface ApiDynoSettings {
  /** Seconds, as all times here; 0: off. */
  rollback_window: number;
  drain_timeout: number;
  stop_grace: number;
  cycling: boolean;
}

export interface ApiFormation {
  type: string;
  quantity: number;
  size: string;
  command: string;
  autoscale?: Pick<ApiAutoscale, 'min' | 'max' | 'metric' | 'target'> | null;
}

export interface ApiAutosleep {
  type: string;
  enabled: boolean;
  after_seconds: number | null;
  asleep_since: string | null;
}

export interface ApiAutoscale {
  type: string;
  enabled: boolean;
  min: number | null;
  max: number | null;
  metric: string | null;
  target: number | null;
}

export interface ApiBuild {
  id: string;
  status: 'queued' | 'pending' | 'succeeded' | 'failed' | 'canceled';
  created_at: string;
  output_stream_url: string | null;
  release: { id: string } | null;
  /** 1 is the next of all that wait. */
  position: number | null;
  source_kind: 'git' | 'archive' | 'image';
  error: string | null;
  source_blob: { version?: string | null } | null;
  user: { email: string };
}

export interface ApiDomain {
  hostname: string;
  kind: 'heroku' | 'custom';
  cname: string | null;
  status: string;
  /** Where it leads, such as `app shop`, when that is not the app. */
  shadowed_by: string | null;
}

export interface ApiBuildpackInstallation {
  ordinal: number;
  buildpack: { name: string; url: string };
}

export interface ApiAccount {
  id: string;
  email: string;
}

export interface ApiAuthorization {
  id: string;
  access_token: { token: string } | null;
  user: { email: string };
}

export interface ApiCheckRun {
  dyno: string;
  phase: 'startup' | 'liveness';
  check: string;
  passed: boolean | null;
  said: string | null;
  evidence: Record<string, string | number | boolean | string[]>;
}

export interface ApiCheck {
  process_type: string;
  phase: 'startup' | 'liveness';
  source: string;
  kind: 'port' | 'http' | 'command' | 'uptime' | 'off';
  path: string | null;
  status: string | null;
  content: string | null;
  port: number | null;
  command: string | string[] | null;
  uptime: number | null;
  interval: number | null;
  timeout: number | null;
  attempts: number | null;
  initial_delay: number | null;
  warn: boolean;
}

export interface ApiIncident {
  kind: string;
  dyno: string | null;
  release: number | null;
  message: string;
  evidence: Record<string, string | number | boolean | string[]>;
  created_at: string;
}

export interface ApiExplanation {
  subject: string;
  kind: string;
  state: string;
  cause: string;
  evidence: ApiIncident['evidence'];
  since: string | null;
  next_try_at: string | null;
  next_step: string | null;
  last_incident: ApiIncident | null;
}

export interface ApiWhy {
  explanations: ApiExplanation[];
  incidents: ApiIncident[];
  log_lines: string[];
}
