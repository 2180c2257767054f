/** The part of the port that tells how much is on its way. */
export type QueueFigures = {
  /** Recipients whose time has not come. */
  waiting: number;
  /** Recipients whose time has come and that no worker has. */
  due: number;
  claimed: number;
};

export interface QueueReads {
  /** Over all tenants, by the real clock. */
  queueFigures(input: null): Promise<QueueFigures>;
}
