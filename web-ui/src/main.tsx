// The dashboard's main: makes the platform around the browser and draws the page of the current path.
import '@preact/signals';
import { render } from 'preact';
import { Dashboard } from './dashboard.js';
import { createPlatform, PlatformContext } from './platform.js';
import './style/tokens.css';
import './style/base.css';
import './style/controls.css';
import './style/states.css';
import './style/apps.css';
import './style/app-head.css';
import './style/overview.css';
import './style/releases.css';
import './style/builds.css';
import './style/config.css';
import './style/settings.css';
import './style/log.css';

const platform = createPlatform(window);
const root = document.getElementById('root');
if (root) {
  render(
    <PlatformContext.Provider value={platform}>
      <Dashboard />
    </PlatformContext.Provider>,
    root,
  );
}
