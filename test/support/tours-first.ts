import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Where nothing is known of earlier runs, the largest files begin. What a tour does stands in docs: its small file would begin last, and go on alone. */
export class ToursFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isTour = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('-tour.spec.ts');
    return [...sorted.filter(isTour), ...sorted.filter((file) => !isTour(file))];
  }
}
