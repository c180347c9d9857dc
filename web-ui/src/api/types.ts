/** What the HTTP API answers, as far as the dashboard reads it (Heroku Platform API v3 shapes). Times are ISO 8601. */
export interface App {
  id: string;
  name: string;
  maintenance: boolean;
  owner: { email: string };
  created_at: string;
  updated_at: string;
  released_at: string | null;
  web_url: string | null;
  git_url: string;
  stack: { name: string };
}

export interface Dyno {
  id: string;
  name: string;
  type: string;
  command: string;
  size: string;
  state: string;
  release: { version: number } | null;
  created_at: string;
  updated_at: string;
}

export type Evidence = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** Why a dyno, a release or the app is as it is. */
export interface Explanation {
  /** `web.1`, `v12`, or the app's name. */
  subject: string;
  state: string;
  cause: string;
  evidence: Evidence;
  since: string | null;
  next_step: string | null;
}

/** Why one dyno is as it is, and what was seen of it. */
export interface DynoWhy {
  explanations: readonly Explanation[];
  /** Newest first. */
  incidents: readonly { kind: string; message: string; created_at: string }[];
  /** Oldest first. */
  log_lines: readonly string[];
}

export interface FormationEntry {
  type: string;
  quantity: number;
  command: string;
  size: string;
  autosleep?: { after_seconds: number; asleep_since: string | null } | null;
  autoscale?: { min: number; max: number; metric: string; target: number } | null;
}

export interface Release {
  id: string;
  version: number;
  description: string;
  status: string;
  current: boolean;
  eligible_for_rollback: boolean;
  /** Version of the release that an automatic rollback put in its place. */
  undone_by: number | null;
  created_at: string;
  user: { email: string };
  slug: { id: string; commit?: string | null } | null;
  output_stream_url: string | null;
}

export interface Build {
  id: string;
  status: string;
  created_at: string;
  updated_at: string;
  output_stream_url: string;
  release: { id: string } | null;
  source_blob: { url?: string; version?: string | null } | null;
  user: { email: string };
}

export interface Domain {
  id: string;
  hostname: string;
  kind: string;
  status: string;
  /** Where it leads, such as `app shop`, when that is not the app. */
  shadowed_by: string | null;
  cname: string | null;
  created_at: string;
}

export interface SignedIn {
  email: string;
  csrf: string;
}

export type ConfigVars = Readonly<Record<string, string>>;
export type ConfigUpdates = Readonly<Record<string, string | null>>;
