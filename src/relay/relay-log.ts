/** What the relay tells whoever runs it. */
export type RelayLog = {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
};
