import { Link } from '../parts/link.js';

/** Shown for a path that leads nowhere. */
export function MissingPage() {
  return (
    <main id="main" class="page">
      <h1>There is no page here.</h1>
      <p>
        <Link to="/">See all apps</Link>
      </p>
    </main>
  );
}
