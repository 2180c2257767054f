/** Percent-encoded ASCII (RFC 3986 §2.1) read; what stands for other characters stays. */
export function percentDecoded(text: string): string {
  return text.replaceAll(/%([0-7][0-9a-fA-F])/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
