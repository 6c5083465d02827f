import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { type Field, type HeaderBlock, headerName, transientField } from '../../../http/index.ts';
import type { AccessEntry } from './access-log.ts';
import { Sampler } from './sampler.ts';

/** Spans by OpenTelemetry. Plain data. */
export interface TracingDescription {
  /** Where OTLP is taken by HTTP, such as http://127.0.0.1:4318/v1/traces. */
  readonly otlp: string;
  /** The share of requests that get a span, of those that come without a decision of their caller's. */
  readonly sample: number;
  readonly serviceName: string;
}

const TRACEPARENT = headerName('traceparent');
/** W3C Trace Context, 3.2.2; other versions begin in the same way. */
const PARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

/** Spans wait for their exporter, with paths as long as a client likes them. */
const LONGEST_VALUE = 1024;

/** Gives requests spans: one whose caller has decided gets what it decided, of the others a share. */
export class Tracing {
  readonly #sampler: Sampler;
  readonly #provider: BasicTracerProvider;
  readonly #tracer;

  constructor({ otlp, sample, serviceName }: TracingDescription, random: () => number) {
    this.#sampler = new Sampler(sample, random);
    const exporter = new OTLPTraceExporter({ url: otlp });
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': serviceName }),
      spanLimits: { attributeValueLengthLimit: LONGEST_VALUE },
      spanProcessors: [new BatchSpanProcessor(exporter)],
    });
    this.#tracer = this.#provider.getTracer('keyway');
  }

  /** Begins a request's span and makes it the parent of what its shard does; null where it gets none. */
  begin(block: HeaderBlock, name: string): Span | null {
    const place = indexOf(block);
    const parent = place < 0 ? null : parentOf((block.fields[place] as Field).text);
    const wanted = parent === null ? this.#sampler.pick() : (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
    if (!wanted) return null;
    const above = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER }, above);
    const { traceId, spanId } = span.spanContext();
    if (place >= 0) block.remove(place);
    block.push(transientField(TRACEPARENT.text, `00-${traceId}-${spanId}-01`));
    return span;
  }

  /** Ends a span with what became of its request. */
  end(span: Span, entry: AccessEntry): void {
    span.setAttributes(attributesOf(entry));
    const failed = entry.status === 0 || entry.status >= 500 || (entry.grpcStatus ?? 0) > 0;
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR, message: entry.refusal });
    span.end();
  }

  /** Sends what was collected, and no more. */
  async stop(): Promise<void> {
    await this.#provider.shutdown();
  }
}

/** Names as OpenTelemetry's semantic conventions for HTTP and RPC have them, and some of our own. */
function attributesOf(entry: AccessEntry): Attributes {
  return {
    'http.request.method': entry.method,
    'url.path': entry.path,
    'server.address': entry.authority,
    'client.address': entry.client,
    'network.protocol.version': entry.version,
    'http.response.status_code': entry.status,
    ...(entry.grpcStatus === null ? {} : { 'rpc.grpc.status_code': entry.grpcStatus }),
    'http.request.body.size': entry.requestBytes,
    'http.response.body.size': entry.responseBytes,
    'http.request.resend_count': entry.retries,
    'keyway.route': entry.route,
    'keyway.cluster': entry.cluster,
    'keyway.shard': entry.shard,
  };
}

function indexOf(block: HeaderBlock): number {
  for (let i = 0; i < block.count; i++) if ((block.fields[i] as Field).name === TRACEPARENT) return i;
  return -1;
}

function parentOf(text: string): SpanContext | null {
  const match = PARENT.exec(text);
  if (match === null) return null;
  const [, traceId = '', spanId = '', flags = '00'] = match;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}
