import type { ComponentChildren } from 'preact';
import { usePlatform } from '../platform.js';

interface LinkProps {
  to: string;
  class?: string;
  children?: ComponentChildren;
  'aria-label'?: string;
  'aria-current'?: 'page' | undefined;
  'data-testid'?: string;
}

/** A link to another page of the dashboard. Opens in a new tab with the usual keys. */
export function Link({ to, children, ...rest }: LinkProps) {
  const { navigate } = usePlatform();
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a {...rest} href={to} onClick={follow}>
      {children}
    </a>
  );
}
