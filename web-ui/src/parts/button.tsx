import type { ComponentChildren, JSX } from 'preact';

type ButtonProps = Omit<JSX.IntrinsicElements['button'], 'size' | 'icon'> & {
  look?: 'main' | 'plain' | 'quiet' | 'danger';
  isBusy?: boolean;
  children?: ComponentChildren;
};

/** A button. While busy it keeps its width and its focus, and does not fire. */
export function Button({
  look = 'plain',
  isBusy = false,
  children,
  type = 'button',
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      class={`button ${look}`}
      aria-busy={isBusy}
      aria-disabled={isBusy || undefined}
      onClick={(event) => {
        if (isBusy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {children}
    </button>
  );
}
