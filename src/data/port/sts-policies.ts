/** The part of the port that keeps what recipients' domains ask of whoever delivers to them: their policies of MTA-STS (RFC 8461). */

export type KeptStsPolicy = {
  domain: string;
  /** Of its record in the DNS. */
  id: string;
  mode: 'enforce' | 'testing' | 'none';
  mx: readonly string[];
  maxAgeMs: number;
  /** Real time, in milliseconds: when it was fetched, and when it is over. */
  fetchedAt: number;
  until: number;
};

export interface StsPoliciesWrites {
  /** Keeps it in the place of an older one of the domain. Those that are over make room, else those that end first. */
  keepStsPolicy(policy: KeptStsPolicy): Promise<null>;
}

export interface StsPoliciesReads {
  /** Null where none is kept; one that is over may still be found. */
  stsPolicy(input: { domain: string }): Promise<KeptStsPolicy | null>;
}
